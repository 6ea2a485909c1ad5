package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The tree that faas-cli 0.18 makes of the same project.
//
// Seed: R2
func TestContext_IsLaidOutAsByFaasCLI(t *testing.T) {
	t.Setenv("CI", "")
	defer syscall.Umask(syscall.Umask(0o022))
	root := project(t, map[string]string{
		"template/go/template.yml":        "handler_folder: function\n",
		"template/go/build.sh":            "",
		"template/go/Dockerfile":          "FROM scratch",
		"template/go/function/handler.go": "template",
		"template/go/function/go.mod":     "template",
		"fns/hello/handler.go":            "mine",
		"fns/hello/.env":                  "",
		"fns/hello/build/left-out":        "",
		"fns/hello/template/left-out":     "",
		"fns/hello/sub/build/kept":        "",
		"fns/hello/vendor/v.go":           "",
		"kit/a/a.go":                      "",
		"kit/run.sh":                      "",
		"go.mod":                          "root",
	})
	if err := os.Symlink("../../kit/a/a.go", filepath.Join(root, "fns/hello/link.go")); err != nil {
		t.Fatal(err)
	}
	f := stack(t, "functions:\n  hello: {lang: go, handler: ./fns/hello, image: x}\nconfiguration: {copy: [go.mod, ./kit]}\n")
	l, _, err := plan(root, f, f.Functions[0])
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "build", "hello")
	write(t, filepath.Join(dir, "stale"), "")
	if err := l.write(dir); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = " " + string(b)
		}
		fmt.Fprintln(&got, strings.TrimSpace(fmt.Sprintf("%v %s%s", info.Mode(), filepath.ToSlash(rel), text)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/context.golden"
	want, err := os.ReadFile(golden)
	if err != nil || got.String() != string(want) {
		t.Errorf("differs from %s (%v); got:\n%s", golden, err, &got)
	}
}

func TestContext_WhatNoContextHolds(t *testing.T) {
	root := project(t, map[string]string{
		"p/template/go/template.yml": "", "p/template/go/build.sh": "", "p/fn/h.go": "", "p/file": "",
		"p/template/bare/template.yml": "build_options: [{name: dev, packages: [gcc]}]\n",
		"p/template/dev/template.yml":  "build_options: [{name: dev, packages: [gcc]}, {name: none}]\n", "p/template/dev/build.sh": "",
		"p/linked/h.go": "", "p/loop/h.go": "", "project/secret": "", "outside": "",
	})
	root = filepath.Join(root, "p")
	for link, to := range map[string]string{"linked/out": "../../outside", "loop/self": "../loop"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ fn, copy, want string }{
		{"{lang: go, handler: fn, image: x}", "[..]", "forbidden path"},
		{"{lang: go, handler: fn, image: x}", "['.']", "forbidden path"},
		{"{lang: go, handler: fn, image: x}", "['']", "forbidden path"},
		// faas-cli compares prefixes of text and lets this sibling through
		{"{lang: go, handler: fn, image: x}", "[../project/secret]", "forbidden path"},
		{"{lang: go, handler: fn, image: x}", "[fn/../../outside]", "forbidden path"},
		{"{lang: go, handler: fn, image: x}", "[/etc/passwd]", "forbidden path"},
		{"{lang: go, handler: fn, image: x}", "[none]", "no such file"},
		{"{lang: go, handler: fn, image: x}", "[linked]", "leads out of the project"},
		{"{lang: go, handler: linked, image: x}", "[]", "leads out of the project"},
		{"{lang: go, handler: loop, image: x}", "[]", "folders deep"},
		{"{lang: go, handler: file, image: x}", "[]", "must be a folder"},
		{"{lang: go, handler: none, image: x}", "[]", "no such file"},
		{"{lang: none, handler: fn, image: x}", "[]", "read template none"},
		{"{image: x}", "[]", "no lang"},
		{"{lang: bare, handler: fn, image: x}", "[]", "has no build.sh"},
		{"{lang: dockerfile, handler: fn, image: x}", "[]", "needs --backend docker"},
		{"{lang: dev, handler: fn, image: x, build_options: [dev]}", "[]", "needs --backend docker"},
		{"{lang: dev, handler: fn, image: x, build_options: [other]}", "[]", "is not one of template dev"},
		{"{lang: go, handler: fn, image: x, build_secrets: {a: b}}", "[]", "needs --backend docker"},
	} {
		f := stack(t, "functions:\n  f: "+c.fn+"\nconfiguration: {copy: "+c.copy+"}\n")
		_, _, err := plan(root, f, f.Functions[0])
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, copy %s: got %v, want %s", c.fn, c.copy, err, c.want)
		}
		if docker := strings.Contains(c.want, "docker") || strings.Contains(c.want, "build.sh"); err != nil && errors.Is(err, ErrNeedsDocker) != docker {
			t.Errorf("%s: ErrNeedsDocker is %v", c.fn, !docker)
		}
	}
}

// OpenFaaS' own template of a name that the store has too is recognised, and the
// error says what to do.
func TestBuild_OfficialTemplateIsRefused(t *testing.T) {
	for _, lang := range []string{"golang-middleware", "golang-middleware@1.2", "golang-http"} {
		root := project(t, map[string]string{
			"template/" + lang + "/template.yml": "language: go\nfprocess: ./handler\n",
			"template/" + lang + "/Dockerfile":   "FROM scratch\n",
			"template/" + lang + "/main.go":      "package main\n",
			"fn/handler.go":                      "package function\n",
		})
		f := stack(t, "functions:\n  fn: {lang: '"+lang+"', handler: ./fn, image: fn}\n")
		_, err := (&Builder{Root: root, Work: t.TempDir(), Registry: "127.0.0.1:1"}).Build(t.Context(), f, f.Function("fn"), nil)
		if err == nil || !errors.Is(err, ErrNeedsDocker) || !strings.Contains(err.Error(), "remove the folder template/"+lang) {
			t.Errorf("%s: %v", lang, err)
		}
	}
}
