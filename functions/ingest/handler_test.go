package function

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
	"fnstore/kit/golden"
	"fnstore/kit/s3"
)

func noSecret(string) (string, error) { return "", errors.New("not mounted") }

func TestHandler_Golden(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("secret_mount_path", dir)
	if err := os.WriteFile(filepath.Join(dir, caller.Secret), []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Open(func(string) string { return "" }, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	golden.Run(t, h, "testdata")
}

// Seed: R12, B74
func TestOpen_BadSettings(t *testing.T) {
	for name, value := range map[string]string{"ingest_sources": "data/,/x", "ingest_retention": "10m"} {
		if _, err := Open(func(n string) string { return map[string]string{name: value}[n] }, noSecret); err == nil {
			t.Errorf("%s=%s is accepted", name, value)
		}
	}
}

// A file is a content of a key.
// Seed: B39
func TestID_WhatMakesAFile(t *testing.T) {
	rec := record{bucket: "data", key: "incoming/a.csv", sequencer: "1"}
	info := s3.Info{ETag: "e", Size: 5}
	first := id(rec, info)
	if id(rec, info) != first || len(first) != 32 {
		t.Errorf("%s is not its name", first)
	}
	version := rec
	version.version = "v1"
	seen := map[string]string{first: "the first"}
	for what, got := range map[string]string{
		"another key": id(record{bucket: "data", key: "incoming/b.csv", sequencer: "1"}, info), "another bucket": id(record{bucket: "dat", key: "aincoming/a.csv", sequencer: "1"}, info),
		"put again": id(record{bucket: "data", key: "incoming/a.csv", sequencer: "2"}, info), "another content": id(rec, s3.Info{ETag: "f", Size: 5}), "another size": id(rec, s3.Info{ETag: "e", Size: 6}),
		"with a version": id(version, info),
	} {
		if seen[got] != "" {
			t.Errorf("%s has the name of %s", what, seen[got])
		}
		seen[got] = what
	}
	again := version
	again.sequencer = "9"
	if id(again, info) != id(version, info) {
		t.Error("a version is one file, whatever else its event says")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"data"},"object":{"key":"incoming%2Fa+b.csv","eTag":"x","versionId":"1","sequencer":"01"}}}]}`))
	f.Add([]byte(`{"Event":"s3:TestEvent"}`))
	f.Add([]byte(`{"Records":[{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := parse(body)
		if err != nil {
			if k := fault.Of(err).Kind; k != fault.Invalid && k != fault.TooLarge {
				t.Errorf("%v", err)
			}
			return
		}
		for _, r := range list {
			if r.bucket == "" || r.key == "" || !kept(r.bucket+r.key+r.etag+r.version+r.sequencer) {
				t.Errorf("%+v", r)
			}
		}
	})
}
