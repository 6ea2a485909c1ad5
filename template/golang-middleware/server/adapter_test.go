package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A handler written for the stock template golang-http runs unchanged.
func TestAdapter_HandlersOfGolangHTTP(t *testing.T) {
	ctx, err := contextOf("../../golang-http", t.TempDir(), "testdata/gohttp")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "handler")
	if log, err := buildIn(ctx, program); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	f := startProgram(t, program, "FNSTORE_MAX_BODY=1000")
	a, err := f.do("PUT", "/any/path?q=1&q=2", "hello", "X-Mine", "yes")
	want := "PUT q=1&q=2 yes " + strings.TrimPrefix(f.url, "http://") + " hello true"
	if err != nil || a.StatusCode != 201 || a.body != want || a.Header.Get("X-Theirs") != "one" || a.Header.Get("X-Call-Id") == "" {
		t.Errorf("%+v %q, want %q", a.Response, a.body, want)
	}
	if a := f.get("/", "X-Mine", "zero"); a.StatusCode != 200 {
		t.Errorf("no status: %d", a.StatusCode)
	}
	a = f.get("/", "X-Mine", "error", "X-Call-Id", "call-7")
	if a.StatusCode != 500 || a.body != "said" || strings.Contains(a.body, "secret") {
		t.Errorf("error: %d %q", a.StatusCode, a.body)
	}
	if l := f.await("handler")[0]; l["error"] != "the secret cause" || l["call_id"] != "call-7" {
		t.Errorf("%v", l)
	}
	if a, err := f.do("POST", "/", strings.Repeat("x", 1001)); err != nil || a.StatusCode != 413 {
		t.Errorf("long body: %v %v", a.Response, err)
	}
	if a := f.get("/", "X-Mine", "panic"); a.StatusCode != 500 {
		t.Errorf("panic: %d", a.StatusCode)
	}
	if a := f.get("/", "X-Mine", "wait", "X-Timeout", "20ms"); a.StatusCode != 504 {
		t.Errorf("timeout: %d", a.StatusCode)
	}
	f.stop()
	if n := len(f.said("request")); n != 6 {
		t.Errorf("%d lines: %v", n, fmt.Sprint(f.lines))
	}
}

// The starter that faas-cli new copies is built as it is, and serves a handler
// that brings neither go.mod nor go.sum.
func TestAdapter_StarterOfGolangHTTPBuilds(t *testing.T) {
	for _, handler := range []string{"../../golang-http/function", t.TempDir()} {
		ctx, err := contextOf("../../golang-http", t.TempDir(), handler)
		if err != nil {
			t.Fatal(err)
		}
		if log, err := buildIn(ctx, filepath.Join(t.TempDir(), "handler")); err != nil {
			t.Errorf("%v\n%s", err, log)
		}
	}
}

// What the README tells owners of classic handlers to write is built here, with
// the classic hello.
//
// Seed: R26
func TestAdapter_ClassicHello(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "## Classic handlers")
	_, text, _ = strings.Cut(text, "```go\n")
	text, _, found := strings.Cut(text, "```")
	if !found {
		t.Fatal("the README has no code for classic handlers")
	}
	ctx := laid(t, map[string]string{"handler.go": text, "classic.go": `package function

import (
	"encoding/json"
	"fmt"
)

type request struct {
	Name string ` + "`json:\"name\"`" + `
}

type response struct {
	Message string ` + "`json:\"message\"`" + `
}

func classic(req []byte) ([]byte, error) {
	var r request
	if err := json.Unmarshal(req, &r); err != nil {
		return nil, err
	}
	return json.Marshal(response{Message: fmt.Sprintf("Hello, %s!", r.Name)})
}
`})
	program := filepath.Join(t.TempDir(), "handler")
	if log, err := buildIn(ctx, program); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	f := startProgram(t, program)
	if a, err := f.do("POST", "/", `{"name":"OpenFaaS"}`); err != nil || a.body != `{"message":"Hello, OpenFaaS!"}` {
		t.Errorf("%v %q", err, a.body)
	}
	if a, err := f.do("POST", "/", "no JSON"); err != nil || a.StatusCode != 500 || strings.Contains(a.body, "JSON") {
		t.Errorf("%v %q", err, a.body)
	}
}
