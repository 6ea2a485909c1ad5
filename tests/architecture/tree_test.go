package architecture

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// update rewrites the pages that are generated: make docs.
var update = flag.Bool("update", false, "write the generated pages anew")

// root is the repository, seen from this package's folder, where tests run.
const root = "../.."

// module is the path in go.mod.
const module = "fnstore"

// file is one file of the repository. Paths have slashes and begin at root.
type file struct {
	path string
	text []byte
	ast  *ast.File // of Go files that are no testdata
	fset *token.FileSet
}

func (f *file) dir() string    { return path.Dir(f.path) }
func (f *file) isTest() bool   { return strings.HasSuffix(f.path, "_test.go") }
func (f *file) isGo() bool     { return f.ast != nil }
func (f *file) testdata() bool { return slices.Contains(strings.Split(f.path, "/"), "testdata") }

// line is where a node begins, for a complaint.
func (f *file) line(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(n.Pos()).Line)
}

// generated follows the convention of go help generate.
func (f *file) generated() bool { return ast.IsGenerated(f.ast) }

// imports lists the paths that the file imports.
func (f *file) imports() []string {
	var list []string
	for _, s := range f.ast.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err == nil {
			list = append(list, p)
		}
	}
	return list
}

// left are the folders that hold nothing of ours.
var left = map[string]bool{
	".git": true, ".fnstore": true, "bin": true, "build": true, "vendor": true, "node_modules": true, "tests/bench/out": true, "compose/data": true, "compose/data-images": true, "secrets/compose": true,
}

// tree reads the whole repository, once. What .gitignore leaves out is left out
// here by name, not by asking git: the tests pass in a folder without it too.
var tree = sync.OnceValues(func() ([]*file, error) {
	var list []*file
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case d.IsDir() && left[name]:
			return fs.SkipDir
		case left[name]: // .git is a file in a worktree
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		f := &file{path: name, fset: fset}
		if f.text, err = os.ReadFile(at); err != nil {
			return err
		}
		if strings.HasSuffix(name, ".go") && !f.testdata() {
			if f.ast, err = parser.ParseFile(fset, name, f.text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
				return err
			}
		}
		list = append(list, f)
		return nil
	})
	return list, err
})

func files(t *testing.T) []*file {
	t.Helper()
	list, err := tree()
	if err != nil {
		t.Fatalf("read the tree: %v", err)
	}
	return list
}

func goFiles(t *testing.T) []*file {
	t.Helper()
	var list []*file
	for _, f := range files(t) {
		if f.isGo() {
			list = append(list, f)
		}
	}
	return list
}

// read gives one file of the repository; it is an error when it is missing.
func read(t *testing.T, name string) []byte {
	t.Helper()
	for _, f := range files(t) {
		if f.path == name {
			return f.text
		}
	}
	t.Fatalf("%s is missing", name)
	return nil
}

// page compares a generated file with what it should be, or writes it.
func page(t *testing.T, name string, want []byte) {
	t.Helper()
	at := filepath.Join(root, filepath.FromSlash(name))
	if *update {
		if err := os.WriteFile(at, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(at)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what its sources say, so it tells readers about another day. Run `make docs` and commit it.", name)
	}
}
