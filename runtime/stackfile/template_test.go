package stackfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFile_MissingTemplates(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "template", "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := `provider: {name: openfaas}
functions:
  a: {lang: there, handler: ./a, image: a}
  b: {lang: far, handler: ./b, image: b}
  c: {lang: far, handler: ./c, image: c}
  d: {lang: made, handler: ./d, image: d, skip_build: true}
  e: {image: e}
  f: {lang: Dockerfile, handler: ./f, image: f}
  g: {lang: at@v1, handler: ./g, image: g}
configuration:
  templates:
    - {name: far, source: "https://example.com/far#v1"}
    - {name: there}
`
	f, err := ParseBytes("stack.yml", dir, []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Missing(); !slices.Equal(got, []string{"far", "at@v1"}) {
		t.Errorf("%q", got)
	}
	for lang, want := range map[string]string{"far": "https://example.com/far#v1", "there": "", "none": ""} {
		if got := f.Source(lang); got != want {
			t.Errorf("%s: %q", lang, got)
		}
	}
}

func TestRemote_Split(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "a#b")
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string][2]string{
		"https://github.com/openfaas/templates":           {"https://github.com/openfaas/templates", ""},
		"https://github.com/openfaas/templates.git#v1.2":  {"https://github.com/openfaas/templates.git", "v1.2"},
		"git@github.com:openfaas/templates.git#feature/x": {"git@github.com:openfaas/templates.git", "feature/x"},
		"file:///srv/templates#sha-0123abc":               {"file:///srv/templates", "sha-0123abc"},
		"./local#main":                                    {"./local", "main"},
		odd:                                               {odd, ""},
	} {
		if repository, ref, err := Remote(source); err != nil || repository != want[0] || ref != want[1] {
			t.Errorf("%s: %q %q %v", source, repository, ref, err)
		}
	}
	for _, source := range []string{"", "#main", "--upload-pack=x", "ext::sh -c x", "https://x#", "https://x#-b", "https://x#a..b", "https://x#a b", "https://x#a#b", "https://x\n#a"} {
		if repository, ref, err := Remote(source); err == nil {
			t.Errorf("%q: %q %q", source, repository, ref)
		}
	}
}

func FuzzRemote(f *testing.F) {
	for _, s := range []string{"https://x/y.git#v1", "-x", "ext::x", "a#b#c", "#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		repository, ref, err := Remote(source)
		if err == nil && (repository == "" || repository[0] == '-' || strings.HasPrefix(ref, "-") || strings.Contains(repository, "::")) {
			t.Errorf("%q: %q %q", source, repository, ref)
		}
	})
}
