package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/runtime/stackfile"
)

func TestDeploy_Warnings(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"template/ours/template.yml": "language: ours\nfprocess: ./handler\n", "template/ours/entry.txt": "package main\n",
		"template/theirs/template.yml": "language: theirs\nfprocess: python index.py\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := `provider: {name: openfaas}
functions:
  vain: {lang: ours, handler: ./vain, image: vain, fprocess: cat}
  same: {lang: ours, handler: ./same, image: same, fprocess: ./handler}
  theirs: {lang: theirs, handler: ./theirs, image: theirs, fprocess: cat}
  made: {image: made, fprocess: cat, enviroment: {a: b}}
`
	file, err := stackfile.ParseBytes("stack.yml", dir, []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, w := range warnings(file) {
		said = append(said, w.String())
	}
	all := strings.Join(said, "\n")
	if len(said) != 2 || !strings.Contains(all, `functions.vain.fprocess "cat" has no effect`) || !strings.Contains(all, "enviroment") {
		t.Errorf("%s", all)
	}
}
