package server_test

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../.." // of module fnstore

// tree is every file of a folder with its bytes.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// laid makes a context around a handler made of the given files.
func laid(t *testing.T, files map[string]string) string {
	t.Helper()
	handler := t.TempDir()
	for name, text := range files {
		path := filepath.Join(handler, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, err := buildContext(t.TempDir(), handler)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

const stock = `package function

import (
	"io"
	"net/http"
)

func Handle(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "stock") }
`

func TestBuild_StockHandlerBuildsUnchanged(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"its own go.mod": {"handler.go": stock, "go.mod": "module handler/function\n\ngo 1.21\n"},
		"no go.mod":      {"handler.go": stock},
		"old go.mod":     {"handler.go": stock, "go.mod": "module handler/function\n"},
		"another name":   {"handler.go": strings.Replace(stock, "package function", "package greet", 1), "go.mod": "module example.com/x/greet\n\ngo 1.24\n"},
		"a sub-package": {
			"handler.go":     "package function\n\nimport (\n\t\"io\"\n\t\"net/http\"\n\n\t\"handler/function/words\"\n)\n\nfunc Handle(w http.ResponseWriter, r *http.Request) { io.WriteString(w, words.Hi) }\n",
			"words/words.go": "package words\n\nconst Hi = \"hi\"\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := laid(t, files)
			if name == "no go.mod" { // faas-cli leaves the starter's; another builder may not
				os.Remove(filepath.Join(ctx, "function", "go.mod"))
			}
			before := tree(t, ctx)
			out := filepath.Join(t.TempDir(), "handler")
			for range 2 {
				if log, err := buildIn(ctx, out); err != nil {
					t.Fatalf("%v\n%s", err, log)
				}
			}
			after := tree(t, ctx)
			if len(before) != len(after) {
				t.Errorf("the context had %d files and has %d", len(before), len(after))
			}
			static(t, out)
		})
	}
}

// static fails unless the file is an executable that needs no loader.
func static(t *testing.T, path string) *elf.File {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary asks for a dynamic loader")
		}
	}
	return f
}

// hello is built as stack.yml builds it: go.mod, go.sum and kit come along, and
// the handler becomes the root package of module fnstore.
//
// Seed: R9, R28
func TestBuild_HelloBuildsInModuleFnstore(t *testing.T) {
	var built [][]byte
	for range 2 {
		ctx, err := buildContext(t.TempDir(), root+"/functions/hello", root+"/go.mod", root+"/go.sum", root+"/kit")
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "handler")
		if log, err := buildIn(ctx, out); err != nil {
			t.Fatalf("%v\n%s", err, log)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		built = append(built, b)
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Error("equal sources gave different binaries")
	}
}

func TestBuilds_ForOtherMachines(t *testing.T) {
	ctx := laid(t, map[string]string{"handler.go": stock})
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM} {
		out := filepath.Join(t.TempDir(), arch)
		if log, err := buildIn(ctx, out, "GOOS=linux", "GOARCH="+arch, "GOARM=7"); err != nil {
			t.Fatalf("%s: %v\n%s", arch, err, log)
		}
		if f := static(t, out); f.Machine != machine {
			t.Errorf("%s: built for %v", arch, f.Machine)
		}
	}
}

func TestBuild_VendoredModulesAreUsed(t *testing.T) {
	ctx := laid(t, map[string]string{
		"go.mod":                            "module handler/function\n\ngo 1.24\n\nrequire example.com/words v1.0.0\n",
		"handler.go":                        "package function\n\nimport (\n\t\"io\"\n\t\"net/http\"\n\n\t\"example.com/words\"\n)\n\nfunc Handle(w http.ResponseWriter, r *http.Request) { io.WriteString(w, words.Hi) }\n",
		"vendor/example.com/words/words.go": "package words\nconst   Hi = \"not formatted, and not ours to format\"\n",
		"vendor/modules.txt":                "# example.com/words v1.0.0\n## explicit; go 1.24\nexample.com/words\n",
	})
	if log, err := buildIn(ctx, filepath.Join(t.TempDir(), "handler"), "GOPROXY=off"); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
}

func TestBuild_Refuses(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		says  string
	}{
		"unformatted": {map[string]string{"handler.go": stock, "ugly.go": "package function\nvar   x = 1\n"}, "./ugly.go"},
		"package main": {map[string]string{"handler.go": strings.Replace(stock, "package function", "package main", 1)},
			"package main"},
		"no Handle":      {map[string]string{"handler.go": "package function\n"}, "undefined: function.Handle"},
		"failing test":   {map[string]string{"handler.go": stock, "handler_test.go": "package function\n\nimport \"testing\"\n\nfunc TestNo(t *testing.T) { t.Error(\"said no\") }\n"}, "said no"},
		"vet":            {map[string]string{"handler.go": stock, "vet.go": "package function\n\nimport \"fmt\"\n\nfunc f() { fmt.Printf(\"%d\", \"x\") }\n"}, "wrong type"},
		"does not parse": {map[string]string{"handler.go": "package function\n\nfunc Handle(\n"}, "handler.go"},
	} {
		ctx := laid(t, c.files)
		before := tree(t, ctx)
		out := filepath.Join(t.TempDir(), "handler")
		log, err := buildIn(ctx, out)
		if err == nil || !strings.Contains(string(log), c.says) {
			t.Errorf("%s: %v, want a message with %q:\n%s", name, err, c.says, log)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: a binary was made", name)
		}
		if len(tree(t, ctx)) != len(before) {
			t.Errorf("%s: the build left files behind", name)
		}
	}
}

// The starter that faas-cli new copies is built as it is.
//
// Seed: R81
func TestBuild_StarterBuilds(t *testing.T) {
	ctx, err := buildContext(t.TempDir(), "../function")
	if err != nil {
		t.Fatal(err)
	}
	if log, err := buildIn(ctx, filepath.Join(t.TempDir(), "handler")); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
}

// A function is one static program without symbols, without a path of the
// machine that built it, and not packed (a packed one unpacks itself into memory
// at every start). The server around an empty handler is small.
//
// Seed: R18
func TestBuild_HowAFunctionIsCompiled(t *testing.T) {
	ctx := laid(t, map[string]string{"handler.go": stock})
	out := filepath.Join(t.TempDir(), "handler")
	if log, err := buildIn(ctx, out); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for _, s := range static(t, out).Sections {
		if s.Name == ".symtab" || strings.HasPrefix(s.Name, ".debug") || strings.HasPrefix(s.Name, ".zdebug") {
			t.Errorf("section %s ships", s.Name)
		}
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{ctx, os.TempDir() + "/", "UPX!"} {
		if bytes.Contains(b, []byte(path)) {
			t.Errorf("%q is in the program", path)
		}
	}
	const most = 7 << 20
	if len(b) > most {
		t.Errorf("%d bytes, more than %d", len(b), most)
	}
}
