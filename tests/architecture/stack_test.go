package architecture

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// maxFunctions is the cap of faasd CE, so that one stack file goes everywhere.
const maxFunctions = 15

// stack is what the tests look at in stack.yml.
type stack struct {
	Functions map[string]struct {
		Lang        string         `yaml:"lang"`
		Handler     string         `yaml:"handler"`
		Image       string         `yaml:"image"`
		Labels      map[string]any `yaml:"labels"`
		Annotations map[string]any `yaml:"annotations"`
	} `yaml:"functions"`
}

func readStack(t *testing.T) stack {
	t.Helper()
	var s stack
	if err := yaml.Unmarshal(read(t, "stack.yml"), &s); err != nil {
		t.Fatalf("stack.yml: %v", err)
	}
	return s
}

// folders lists the functions that have a folder.
func folders(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, f := range files(t) {
		if rest, ok := strings.CutPrefix(f.path, "functions/"); ok {
			if name, _, below := strings.Cut(rest, "/"); below && !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list
}

func TestStack_FileNamesEveryFunction(t *testing.T) {
	s := readStack(t)
	for _, name := range folders(t) {
		if _, ok := s.Functions[name]; !ok {
			t.Errorf("functions/%s is not in stack.yml: nobody can deploy it. Add it there, or remove the folder.", name)
		}
	}
	for name, fn := range s.Functions {
		if !slices.Contains(folders(t), name) {
			t.Errorf("stack.yml has %s, and there is no functions/%s: `up` would fail on it. Add the folder, or remove the entry.", name, name)
		}
		if filepath.ToSlash(filepath.Clean(fn.Handler)) != "functions/"+name {
			t.Errorf("stack.yml builds %s from %q: the reader looks for it in functions/%s. Say handler: ./functions/%s.", name, fn.Handler, name, name)
		}
		if !strings.Contains(fn.Image, "/"+name+":") {
			t.Errorf("stack.yml gives %s the image %q: an image is found by its function's name. Say …/%s:<version>.", name, fn.Image, name)
		}
		for label := range fn.Labels {
			if strings.HasPrefix(label, "com.openfaas.scale.") {
				t.Errorf("stack.yml labels %s with %s: OpenFaaS CE refuses to deploy a function with most of these labels. Use the annotations fnstore.scale.*, which it passes over.", name, label)
			}
		}
	}
	if n := len(s.Functions); n > maxFunctions {
		t.Errorf("stack.yml has %d functions: faasd CE takes %d, and the rest would be refused there. Merge two, or find a route for one in another.", n, maxFunctions)
	}
}

func TestStack_OneStackFile(t *testing.T) {
	for _, f := range files(t) {
		if m, _ := filepath.Match("stack*.y*ml", f.path); m && f.path != "stack.yml" {
			t.Errorf("%s lies beside stack.yml: faas-cli would take one and a reader the other. Keep stack.yml; --filter and --regex pick from it.", f.path)
		}
	}
}

func TestStack_EveryFunctionHasItsPages(t *testing.T) {
	have := map[string]bool{}
	for _, f := range files(t) {
		have[f.path] = true
	}
	for _, name := range folders(t) {
		dir := "functions/" + name + "/"
		for page, why := range map[string]string{
			"handler.go": "every function has its handler in the same place",
			"README.md":  "a caller must learn from it what to send and what can go wrong",
			"links.txt":  "a function pays at every cold start for what it carries; write it with `make docs`",
		} {
			if !have[dir+page] {
				t.Errorf("%s is missing: %s.", dir+page, why)
			}
		}
		if !slices.ContainsFunc(files(t), func(f *file) bool {
			return strings.HasPrefix(f.path, dir+"testdata/") && strings.HasSuffix(f.path, ".http")
		}) {
			t.Errorf("%stestdata has no .http file: a request with its answer is the shortest page about a function, and a test.", dir)
		}
	}
}
