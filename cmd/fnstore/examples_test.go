package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"fnstore/runtime/stackfile"
)

func stackOf(t *testing.T, text string) *stackfile.File {
	t.Helper()
	file, err := stackfile.ParseBytes("stack.yml", t.TempDir(), []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return file
}

const stackHead = "version: 1.0\nprovider:\n  name: openfaas\n  gateway: http://127.0.0.1:8080\nfunctions:\n"

func TestConversions_FromTheStackFile(t *testing.T) {
	file := stackOf(t, stackHead+`
  thumbnail:
    lang: golang-middleware
    handler: ./thumbnail
    image: thumbnail:dev
    annotations: {fnstore.s3.watch: "photos", fnstore.s3.write: "small, other"}
  part:
    lang: golang-middleware
    handler: ./part
    image: part:dev
    annotations: {fnstore.s3.watch: "photos/in/", fnstore.s3.write: "small"}
  index:
    lang: golang-middleware
    handler: ./index
    image: index:dev
    annotations: {fnstore.s3.watch: "papers"}
`)
	if got := conversions(file); !slices.Equal(got, []conversion{{"thumbnail", "photos", "small"}}) {
		t.Errorf("%v", got)
	}
	if got := photos(file); got.from != "photos" || got.to != "small" {
		t.Errorf("photos: %v", got)
	}
}

// The summary names what the stack file has and nothing else.
func TestSummary_NamesTheStackFile(t *testing.T) {
	var out bytes.Buffer
	printExamples(&out, stackOf(t, stackHead+`
  orders:
    lang: golang-middleware
    handler: ./orders
    image: orders:dev
`))
	if s := out.String(); !strings.Contains(s, "invoke orders") || strings.Contains(s, "uploads") || strings.Contains(s, "hello") {
		t.Errorf("%s", s)
	}
	out.Reset()
	printExamples(&out, stackOf(t, stackHead+`
  hello:
    lang: golang-middleware
    handler: ./hello
    image: hello:dev
  thumbnail:
    lang: golang-middleware
    handler: ./thumbnail
    image: thumbnail:dev
    annotations: {fnstore.s3.watch: "photos", fnstore.s3.write: "small"}
`))
	for _, want := range []string{"invoke hello", "s3 put photo.jpg photos/photo.jpg", "s3 ls small"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, &out)
		}
	}
}
