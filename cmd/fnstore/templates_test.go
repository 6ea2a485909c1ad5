package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/runtime/stackfile"
)

// templateRepository is a git repository with the template tiny: first and second
// on its main branch, the first tagged v1, and a branch.
func templateRepository(t *testing.T) (dir, firstCommit string) {
	t.Helper()
	dir = t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=you", "-c", "user.email=you@example.com"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("init", "-q", "-b", "main")
	commit := func(text string) {
		writeTo(t, filepath.Join(dir, "template/tiny/template.yml"), "language: tiny\nfprocess: ./handler\n")
		writeTo(t, filepath.Join(dir, "template/tiny/build.sh"), "# "+text+"\n")
		writeTo(t, filepath.Join(dir, "template/other/template.yml"), "language: other\n")
		run("add", "-A")
		run("commit", "-q", "-m", text)
	}
	commit("first")
	run("tag", "v1")
	firstCommit = run("rev-parse", "HEAD")
	commit("second")
	run("checkout", "-q", "-b", "feature/x")
	commit("third")
	run("checkout", "-q", "main")
	return dir, firstCommit
}

func writeTo(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func stackWith(t *testing.T, dir, lang, source string) *stackfile.File {
	t.Helper()
	text := "provider: {name: openfaas}\nfunctions:\n  a: {lang: " + lang + ", handler: ./a, image: a}\n"
	if source != "" {
		text += "configuration:\n  templates:\n  - name: " + lang + "\n    source: '" + source + "'\n"
	}
	f, err := stackfile.ParseBytes("stack.yml", dir, []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTemplates_PulledFromGit(t *testing.T) {
	repository, first := templateRepository(t)
	for _, c := range []struct{ lang, source, want string }{
		{"tiny", repository, "second"},
		{"tiny", "file://" + repository, "second"},
		{"tiny", "file://" + repository + "#v1", "first"},
		{"tiny", "file://" + repository + "#feature/x", "third"},
		{"tiny", "file://" + repository + "#sha-" + first[:10], "first"},
		{"tiny@v1", "file://" + repository + "#v1", "first"},
		{"tiny", repository + "#v1", "first"},
	} {
		dir := t.TempDir()
		if err := addTemplates(t.Context(), stackWith(t, dir, c.lang, c.source), func(string) {}); err != nil {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, "template", c.lang, "build.sh"))
		if err != nil || string(b) != "# "+c.want+"\n" {
			t.Errorf("%s from %s: %q %v", c.lang, c.source, b, err)
		}
		list, err := os.ReadDir(filepath.Join(dir, "template"))
		if err != nil || len(list) != 1 { // the one that was asked for, and nothing half made
			t.Errorf("%s: %v %v", c.source, list, err)
		}
		meta, err := os.ReadFile(filepath.Join(dir, "template", c.lang, "meta.json"))
		if err != nil || !strings.Contains(string(meta), `"sha":"`) {
			t.Errorf("%s: %s %v", c.source, meta, err)
		}
	}
}

func TestTemplates_NeverReplaced(t *testing.T) {
	repository, _ := templateRepository(t)
	dir := t.TempDir()
	mine := filepath.Join(dir, "template/tiny/build.sh")
	writeTo(t, mine, "mine")
	if err := addTemplates(t.Context(), stackWith(t, dir, "tiny", repository), func(string) { t.Error("something is pulled") }); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(mine); err != nil || string(b) != "mine" {
		t.Errorf("%q %v", b, err)
	}
}

func TestTemplates_Refused(t *testing.T) {
	repository, _ := templateRepository(t)
	linked, _ := templateRepository(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(linked, "template/tiny/passwd")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"add", "-A"}, {"-c", "user.name=you", "-c", "user.email=you@example.com", "commit", "-q", "-m", "link"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = linked
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	touched := filepath.Join(t.TempDir(), "touched")
	for _, c := range []struct{ lang, source, want string }{
		{"tiny", "", "configuration.templates in the stack file names no source"},
		{"golang-middleware@v1", "", "configuration.templates in the stack file names no source"},
		{"none", repository, "has no template/none/template.yml"},
		{"tiny", "file://" + repository + "#nobranch", "git clone"},
		{"tiny", "file://" + repository + "#sha-zzzzzzz", "is not a commit"},
		{"tiny", "file://" + repository + "#sha-00000000", "git checkout"},
		{"tiny", "--upload-pack=touch " + touched, "not the address of a git repository"},
		{"tiny", "ext::sh -c touch% " + touched, "not the address of a git repository"},
		{"tiny", linked, "neither a file nor a folder"},
		{"tiny", filepath.Join(t.TempDir(), "nowhere"), "git clone"},
	} {
		dir := t.TempDir()
		err := addTemplates(t.Context(), stackWith(t, dir, c.lang, c.source), func(string) {})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.source, err)
		}
		if list, _ := os.ReadDir(filepath.Join(dir, "template")); len(list) > 0 {
			t.Errorf("%s: left %v", c.source, list)
		}
	}
	if _, err := os.Stat(touched); err == nil {
		t.Error("a source ran a command")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := addTemplates(ctx, stackWith(t, t.TempDir(), "tiny", repository), func(string) {}); err == nil {
		t.Error("a clone went on after its end")
	}
}

// A function of the stock template's name needs no source: the store has one.
func TestTemplates_OurOwn(t *testing.T) {
	for _, lang := range []string{"golang-middleware", "golang-http"} {
		dir := t.TempDir()
		if err := addTemplates(t.Context(), stackWith(t, dir, lang, ""), func(string) {}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"template.yml", "build.sh", "Dockerfile", "entry.txt", "server/server.go"} {
			got, err := os.ReadFile(filepath.Join(dir, "template", lang, name))
			want, err2 := os.ReadFile(filepath.Join("../../template", lang, name))
			if err != nil || err2 != nil || string(got) != string(want) {
				t.Errorf("%s %s: %v %v", lang, name, err, err2)
			}
		}
	}
}

func TestStack_FoundByBothNames(t *testing.T) {
	t.Chdir(t.TempDir())
	find := func() string {
		s := &settings{Stack: defaultStack}
		s.findStack()
		return s.Stack
	}
	if got := find(); got != "stack.yml" {
		t.Errorf("without a file: %s", got)
	}
	writeTo(t, "stack.yaml", "")
	if got := find(); got != "stack.yaml" {
		t.Errorf("with stack.yaml: %s", got)
	}
	writeTo(t, "stack.yml", "")
	if got := find(); got != "stack.yml" {
		t.Errorf("with both: %s", got)
	}
	// Through the command line: store prints the functions of the file it finds.
	if err := os.Remove("stack.yml"); err != nil {
		t.Fatal(err)
	}
	writeTo(t, "stack.yaml", "provider: {name: openfaas}\nfunctions:\n  mine: {image: mine, skip_build: true}\n")
	inEnvironment(t, nil)
	if out, err := command("store"); err != nil || !strings.Contains(out, `"name": "mine"`) {
		t.Errorf("%s %v", out, err)
	}
	if _, err := command("store", "-f", "stack.yml"); err == nil {
		t.Error("a file that was named and is not there was replaced by another")
	}
}

func TestNew_Here(t *testing.T) {
	t.Chdir(t.TempDir())
	inEnvironment(t, nil)
	if _, err := command("new", "greet"); err == nil || !strings.Contains(err.Error(), "fnstore new --here") {
		t.Errorf("outside of the store's folder: %v", err)
	}
	for _, name := range []string{"greet", "other"} {
		if out, err := command("new", "--here", name); err != nil || !strings.Contains(out, "fnstore deploy "+name) {
			t.Fatalf("%s %v", out, err)
		}
	}
	if _, err := command("new", "--here", "greet"); err == nil {
		t.Error("a function was made twice")
	}
	f, err := stackfile.Parse("stack.yml", os.LookupEnv)
	if err != nil || len(f.Functions) != 2 || f.Function("greet").Handler != "./greet" {
		t.Fatalf("%+v %v", f, err)
	}
	cmd := exec.Command("go", "test", ".")
	cmd.Dir = "greet"
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v %s", err, out)
	}
}
