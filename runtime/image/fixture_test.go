package image

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"fnstore/runtime/image/registry"
	"fnstore/runtime/stackfile"
)

// serve starts a registry and gives its host:port and folder.
func serve(t *testing.T) (host, dir string) {
	t.Helper()
	dir = t.TempDir()
	g, err := registry.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://"), dir
}

// project writes files below a new folder. A name that ends in .sh is
// executable.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(root, name), text)
	}
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	mode := os.FileMode(0o644)
	if strings.HasSuffix(path, ".sh") {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func stack(t *testing.T, text string) *stackfile.File {
	t.Helper()
	f, err := stackfile.ParseBytes("stack.yml", ".", []byte("provider: {name: openfaas}\n"+text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// tiny is a project with a template that compiles one file in no time, and
// leaves a line in $COUNT each time it runs.
func tiny(t *testing.T) (root string, f *stackfile.File) {
	root = project(t, map[string]string{
		"template/tiny/template.yml":        "language: tiny\nfprocess: ./handler\n",
		"template/tiny/build.sh":            "set -e\necho run >> \"$COUNT\"\ncd function && GOWORK=off go build -trimpath -buildvcs=false -ldflags '-s -w -buildid=' -o \"$1\" .\n",
		"template/tiny/function/handler.go": "package main\n\nfunc main() {}\n",
		"fn/main.go":                        "package main\n\nfunc main() { run() }\n",
		"fn/handler.go":                     "package main\n\nfunc run() { println(\"hello\") }\n",
		"go.mod":                            "module tiny\n\ngo 1.26\n",
	})
	t.Setenv("COUNT", filepath.Join(root, "count"))
	return root, stack(t, "functions:\n  hello: {lang: tiny, handler: ./fn, image: 'tiny/hello:dev'}\n"+
		"  again: {lang: tiny, handler: ./fn, image: 'tiny/again:dev'}\nconfiguration: {copy: [go.mod]}\n")
}

func builder(t *testing.T, root, host string) *Builder {
	return &Builder{Root: root, Work: filepath.Join(root, ".work"), Registry: host, Env: []string{"COUNT=" + os.Getenv("COUNT")}}
}

// runs is how often the template's script ran.
func runs(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(os.Getenv("COUNT"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}

// repository is the root of this repository.
func repository(t *testing.T) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
