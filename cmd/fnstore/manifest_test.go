package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"runtime"
	"slices"
	"testing"
)

// Every function of the stack file is in the manifest, with what faas-cli needs.
func TestManifest_NamesEveryFunction(t *testing.T) {
	t.Chdir("../..")
	s := &settings{Stack: "stack.yml", State: t.TempDir()}
	file, err := s.stackFile("127.0.0.1:5000")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := (storeCmd{Repository: "https://example.com/store", Platform: "linux/amd64,linux/arm64,linux/arm/v7"}).Run(s, &out); err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Functions) != len(file.Functions) {
		t.Fatalf("%d functions of %d", len(m.Functions), len(file.Functions))
	}
	for i, e := range m.Functions {
		fn := file.Functions[i]
		if e.Name != fn.Name || e.Title == e.Name || len(e.Description) < len(e.Title) || e.Fprocess == "" || !slices.Equal(e.Secrets, fn.Secrets) {
			t.Errorf("%s: %+v", fn.Name, e)
		}
		for _, p := range []string{"x86_64", "arm64", "armhf"} {
			if e.Images[p] == "" {
				t.Errorf("%s has no image for %s", e.Name, p)
			}
		}
	}
}

// The manifest names images for those platforms alone that they are built for.
//
// Seed: R6
func TestManifest_PlatformsThatExist(t *testing.T) {
	here := platformNames["linux/"+runtime.GOARCH]
	for _, c := range []struct {
		lists []string
		want  []string
	}{
		{[]string{"", ""}, []string{here}},
		{[]string{"", "linux/arm64, linux/arm"}, []string{"arm64", "armhf"}},
		{[]string{"linux/amd64", "linux/arm64"}, []string{"x86_64"}},
		{[]string{"", "linux/riscv64"}, nil},
	} {
		got, err := imagesOf("a:1", c.lists...)
		if err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), c.want) {
			t.Errorf("%q: %v, %v", c.lists, got, err)
		}
	}
	if _, err := imagesOf("a:1", "windows/amd64"); err == nil {
		t.Error("windows was taken")
	}
}
