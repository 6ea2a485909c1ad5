package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/runtime/stackfile"
	"fnstore/runtime/targets"
)

// The repository's own stack file is refused nowhere in a store, and its core by
// no target, once its secrets are made; what is refused ends with a status for CI.
//
// Seed: R90
func TestDoctor_StatusAndFormats(t *testing.T) {
	t.Chdir("../..")
	state := t.TempDir()
	doctor := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(context.Background(), append([]string{"doctor", "--state", state}, args...), nil, &out)
		return out.String(), err
	}
	if out, err := doctor("--target", "runtime"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	var core bytes.Buffer
	if err := run(context.Background(), []string{"stack", "--profile", "core"}, nil, &core); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "core.yml")
	if err := os.WriteFile(file, core.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets.All {
		if out, err := doctor("-f", file, "--target", string(target)); err != nil {
			t.Errorf("%s: %v\n%s", target, err, out)
		}
	}
	if out, err := doctor("--target", "runtime", "--strict"); !errors.Is(err, errQuiet) {
		t.Errorf("--strict: %v\n%s", err, out)
	}
	out, err := doctor("--target", "faasd", "--secrets", t.TempDir(), "--format", "json")
	var list []targets.Finding
	if json.Unmarshal([]byte(out), &list) != nil || !errors.Is(err, errQuiet) || list[0].Effect != targets.Refused || list[0].Fix == "" {
		t.Errorf("without its secrets: %v\n%s", err, out)
	}
}

func TestStack_Profile(t *testing.T) {
	t.Chdir("../..")
	var out bytes.Buffer
	if err := run(context.Background(), []string{"stack", "--profile", "core"}, nil, &out); err != nil {
		t.Fatal(err)
	}
	whole, err := stackfile.Parse("stack.yml", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	smaller, err := stackfile.ParseBytes("core", ".", out.Bytes(), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(smaller.Functions); n == 0 || n != len(whole.Profiles["core"]) || n > 10 || len(smaller.Warnings) > 0 {
		t.Errorf("%d functions, warnings %v", n, smaller.Warnings)
	}
	if !strings.Contains(out.String(), "${FNSTORE_REGISTRY:-127.0.0.1:5000}") {
		t.Error("variables were put in")
	}
}

func TestStack_ProfilesThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stack.yml")
	text := "version: 1.0\nprovider: {name: openfaas}\nx-profiles: {a: [gone], b: [f, f]}\nfunctions:\n  f: {image: i}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for profile, want := range map[string]string{"a": "no such function", "b": "twice", "c": "no profile"} {
		err := run(context.Background(), []string{"stack", "-f", file, "--profile", profile}, nil, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", profile, err)
		}
	}
}

// What is left has the images and nothing that builds them.
func TestStack_Prebuilt(t *testing.T) {
	t.Chdir("../..")
	var out bytes.Buffer
	if err := run(context.Background(), []string{"stack", "--prebuilt"}, nil, &out); err != nil {
		t.Fatal(err)
	}
	whole, err := stackfile.Parse("stack.yml", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	is, err := stackfile.ParseBytes("prebuilt", t.TempDir(), out.Bytes(), os.LookupEnv)
	if err != nil || len(is.Functions) != len(whole.Functions) {
		t.Fatal(err, len(is.Functions))
	}
	for i, fn := range is.Functions {
		if was := whole.Functions[i]; !fn.SkipBuild || fn.Lang != "" || fn.Handler != "" || fn.Image != was.Image || len(fn.Secrets) != len(was.Secrets) {
			t.Errorf("%+v", fn)
		}
	}
}
