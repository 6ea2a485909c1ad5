package stackfile

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const head = "version: 1.0\nprovider:\n  name: openfaas\n"

func parse(t *testing.T, text string) (*File, error) {
	t.Helper()
	return ParseBytes("stack.yml", t.TempDir(), []byte(text), env(nil))
}

// A template pinned by a tag is fetched by #tag and named by @tag.
//
// Seed: R27, R80
func TestStackfile_EveryKeyIsRead(t *testing.T) {
	f, err := parse(t, `version: 1.0
provider:
  name: openfaas
  gateway: http://127.0.0.1:8080
functions:
  resize:
    lang: golang-middleware@v1
    handler: ./functions/resize
    image: 127.0.0.1:5000/fnstore/resize:dev
    fprocess: ./handler
    namespace: openfaas-fn
    skip_build: yes
    environment:
      on: true
      count: 010
      ratio: 1.50
      when: 2026-01-02
      none: ~
      text: |
        two
        lines
    secrets: [event-key, resize-s3]
    constraints:
      - "node.kubernetes.io/arch=arm64"
    labels: {com.openfaas.scale.min: 1, plain: false}
    annotations:
      fnstore.s3.watch: "uploads"
      n: 5
    limits: {memory: 128Mi, cpu: 100m}
    requests: {cpu: 0.5}
    readonly_root_filesystem: true
    build_options: [dev]
    build_args: {CGO_ENABLED: 0}
    build_secrets: {netrc: ./netrc}
    platforms: linux/amd64,linux/arm64
  second:
    image: hello
configuration:
  templates:
    - name: golang-middleware
      source: https://example.com/templates#v1
  copy: [go.mod, ./kit]
`)
	if err != nil {
		t.Fatal(err)
	}
	want := &Function{
		Name: "resize", Lang: "golang-middleware@v1", Handler: "./functions/resize",
		Image: "127.0.0.1:5000/fnstore/resize:dev", Fprocess: "./handler", Namespace: "openfaas-fn", SkipBuild: true,
		Environment: map[string]string{"on": "true", "count": "010", "ratio": "1.50", "when": "2026-01-02", "none": "", "text": "two\nlines\n"},
		Secrets:     []string{"event-key", "resize-s3"}, Constraints: []string{"node.kubernetes.io/arch=arm64"},
		Labels:      map[string]string{"com.openfaas.scale.min": "1", "plain": "false"},
		Annotations: map[string]string{"fnstore.s3.watch": "uploads", "n": "5"},
		Limits:      &Resources{"128Mi", "100m"}, Requests: &Resources{CPU: "0.5"}, ReadOnlyRootFilesystem: true,
		BuildOptions: []string{"dev"}, BuildArgs: map[string]string{"CGO_ENABLED": "0"},
		BuildSecrets: map[string]string{"netrc": "./netrc"}, Platforms: "linux/amd64,linux/arm64", Line: 6, Column: 3,
	}
	if !reflect.DeepEqual(f.Functions[0], want) {
		t.Errorf("got  %+v\nwant %+v", f.Functions[0], want)
	}
	if len(f.Functions) != 2 || f.Functions[1].Name != "second" || f.Function("second") == nil || f.Function("third") != nil {
		t.Errorf("functions are not those of the file, in its order: %+v", f.Functions)
	}
	if f.Version != "1.0" || f.Provider != (Provider{"openfaas", "http://127.0.0.1:8080"}) {
		t.Errorf("got version %q, provider %+v", f.Version, f.Provider)
	}
	if !reflect.DeepEqual(f.Configuration, Configuration{
		[]TemplateSource{{"golang-middleware", "https://example.com/templates#v1"}}, []string{"go.mod", "./kit"}}) {
		t.Errorf("got configuration %+v", f.Configuration)
	}
	if len(f.Warnings) != 0 {
		t.Errorf("got warnings %v", f.Warnings)
	}
}

func TestStackfile_ErrorsNameTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no provider", "functions: {}\n", `stack.yml: provider.name must be "openfaas"`},
		{"other provider", "provider:\n  name: aws\n", `stack.yml:1:1: provider.name must be "openfaas"`},
		{"empty", "", "provider.name"},
		{"not a mapping", "- a\n", "stack.yml:1:1: the stack file must be a mapping"},
		{"version", "version: 2.0\nprovider: {name: openfaas}\n", `stack.yml:1:10: version "2.0"`},
		{"syntax", head + "functions:\n  a: b: c\n", "stack.yml:5:7: mapping values are not allowed"},
		{"tab", head + "functions:\n\ta: 1\n", "stack.yml:5:1:"},
		{"name", head + "functions:\n  Hello:\n    image: x\n", `stack.yml:5:3: function name "Hello"`},
		{"long name", head + "functions:\n  " + strings.Repeat("a", 64) + ": {image: x}\n", "1 to 63"},
		{"path as name", head + "functions:\n  ../x: {image: x}\n", "stack.yml:5:3: function name"},
		{"twice", head + "functions:\n  a: {image: x}\n  a: {image: y}\n", `stack.yml:6:3: key "a" is given twice, first on line 5`},
		{"key twice", head + "functions:\n  a:\n    image: x\n    image: y\n", `stack.yml:7:5: key "image" is given twice`},
		{"no image", head + "functions:\n  a:\n    lang: go\n    handler: .\n", "stack.yml:5:3: functions.a.image is missing"},
		{"null function", head + "functions:\n  a:\n", "functions.a.image is missing"},
		{"no handler", head + "functions:\n  a: {image: x, lang: go}\n", "functions.a.handler is missing"},
		{"lang", head + "functions:\n  a: {image: x, lang: ../go, handler: .}\n", "is not a template's name"},
		{"list wanted", head + "functions:\n  a:\n    image: x\n    secrets: s\n", "stack.yml:7:14: functions.a.secrets must be a list"},
		{"map wanted", head + "functions:\n  a:\n    image: x\n    labels: [s]\n", "stack.yml:7:13: functions.a.labels must be a mapping"},
		{"text wanted", head + "functions:\n  a:\n    image: [x]\n", "stack.yml:6:12: functions.a.image must be plain text"},
		{"flag wanted", head + "functions:\n  a:\n    image: x\n    skip_build: perhaps\n", "stack.yml:7:17: functions.a.skip_build must be true or false"},
		{"secret", head + "functions:\n  a: {image: x, secrets: [../key]}\n", "not a secret's name"},
		{"alias of nothing", head + "functions: *f\n", "stack.yml:4:12: unknown anchor"},
		{"environment file", head + "functions:\n  a: {image: x, environment_file: [none.yml]}\n", "stack.yml:5:3: functions.a.environment_file: open "},
	} {
		_, err := parse(t, c.text)
		var at *Error
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &at) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

// A name that some platform refuses is an error here, with its place, before
// anything is built or made.
//
// Seed: B49
func TestStackfile_NamesThatAPlatformRefusesAreToldFirst(t *testing.T) {
	for _, name := range []string{"files.fifo", "process_files", "ProcessFiles", "-files", "files-", strings.Repeat("f", 64)} {
		_, err := parse(t, head+"functions:\n  "+name+": {image: x}\n")
		if err == nil || !strings.Contains(err.Error(), "stack.yml:5:3: function name") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStackfile_EveryFaultIsToldAtOnce(t *testing.T) {
	_, err := parse(t, head+"functions:\n  A: {image: x}\n  b: {}\n")
	if err == nil || !strings.Contains(err.Error(), "stack.yml:5:3") || !strings.Contains(err.Error(), "stack.yml:6:3") {
		t.Errorf("got %v", err)
	}
}

func TestStackfile_UnknownKeysAreWarnings(t *testing.T) {
	f, err := parse(t, "x-note: 1\n"+head+"functions:\n  a:\n    image: x\n    enviroment: {k: v}\n    limits: {gpu: 1}\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range f.Warnings {
		got = append(got, w.String())
	}
	want := []string{
		`1:1: unknown key "x-note" in the stack file is ignored`,
		`8:5: unknown key "enviroment" in functions.a is ignored; did you mean "environment"?`,
		`9:14: unknown key "gpu" in functions.a.limits is ignored`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestStackfile_AnchorsAndMergeKeys(t *testing.T) {
	f, err := parse(t, `
x-base: &base
  lang: go
  image: base
  environment: &env {a: 1, b: 2}
x-more: &more {image: more, handler: ./more}
`+head+`functions:
  one: {<<: *base, handler: ./one}
  two: {<<: [*more, *base], environment: {<<: *env, b: 3}}
`)
	if err != nil {
		t.Fatal(err)
	}
	one, two := f.Functions[0], f.Functions[1]
	if one.Image != "base" || one.Handler != "./one" || one.Lang != "go" || one.Environment["b"] != "2" {
		t.Errorf("one: %+v", one)
	}
	if two.Image != "more" || two.Handler != "./more" || two.Environment["a"] != "1" || two.Environment["b"] != "3" {
		t.Errorf("two: %+v", two)
	}
}

// Each level names the one below nine times: 9^9 strings if anyone expanded it.
func TestStackfile_AliasBombsStayInert(t *testing.T) {
	var lists, merges strings.Builder
	lists.WriteString("a0: &a0 [lol, lol]\n")
	merges.WriteString("m0: &m0 {k: v}\n")
	for i := 1; i < 10; i++ {
		n, p := string(rune('0'+i)), string(rune('0'+i-1))
		lists.WriteString("a" + n + ": &a" + n + " [" + strings.TrimSuffix(strings.Repeat("*a"+p+", ", 9), ", ") + "]\n")
		merges.WriteString("m" + n + ": &m" + n + " {<<: [" + strings.TrimSuffix(strings.Repeat("*m"+p+", ", 9), ", ") + "]}\n")
	}
	if _, err := parse(t, lists.String()+head); err != nil {
		t.Errorf("a bomb under a key that nobody reads: %v", err)
	}
	if _, err := parse(t, lists.String()+head+"functions:\n  a: {image: x, secrets: *a9}\n"); err == nil {
		t.Error("a bomb of lists was read as a list of secrets")
	}
	_, err := parse(t, merges.String()+head+"functions:\n  a: {image: x, labels: *m9}\n")
	if err == nil || !strings.Contains(err.Error(), "more than 50000 values") {
		t.Errorf("a bomb of merge keys: got %v", err)
	}
	if _, err := parse(t, head+"functions:\n  a: &a {image: x, labels: {<<: *a}, <<: *a}\n"); err == nil {
		t.Error("a mapping merged into itself was read")
	}
}

func TestStackfile_SizeAndDepthAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"long": head + strings.Repeat("#", maxFile),
		"deep": "x: " + strings.Repeat("[", 100_000),
		"wide": head + "x: " + strings.Repeat("- ", 100_000),
	} {
		if _, err := parse(t, text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Parse(t.TempDir(), env(nil)); err == nil {
		t.Error("a folder was read as a stack file")
	}
}

func TestStackfile_EnvironmentFilesWin(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "one.yml", "environment:\n  a: one\n  b: one\n  raw: ${A}\n")
	write(t, "sub/two.yml", "environment: {b: 2}\nother: 1\n")
	write(t, "sub/stack.yml", head+"functions:\n  f:\n    image: x\n    environment: {a: stack, b: stack, c: stack}\n    environment_file: [one.yml, ./sub/two.yml]\n")
	f, err := Parse("sub/stack.yml", env(map[string]string{"A": "a"}))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "one", "b": "2", "c": "stack", "raw": "${A}"}
	if got := f.Functions[0].Environment; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if f.Dir != dir {
		t.Errorf("paths are relative to %s, want the current directory %s", f.Dir, dir)
	}
}

func TestStackfile_LinesAfterAValueWithALineBreak(t *testing.T) {
	text := "# ${A}\nfunctions: 1\n"
	_, err := ParseBytes("stack.yml", ".", []byte(text), env(map[string]string{"A": "x\n#y"}))
	if err == nil || !strings.Contains(err.Error(), "lines are counted after") {
		t.Errorf("got %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", head, head + "functions:\n  a: {image: ${A:-x}, <<: *b}\n", "a: &a [*a]", "${A/a/b}${", "? [a]\n: b", "--- !!binary x", head + "functions: !!set {a}\n", "${A:1:-5}", "%YAML 1.2\n---\n"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		file, err := ParseBytes("stack.yml", dir, []byte(text), env(map[string]string{"A": "aaaa"}))
		if (file == nil) == (err == nil) {
			t.Fatalf("got %v and %v", file, err)
		}
		if err != nil {
			return
		}
		for _, fn := range file.Functions {
			if !ValidName(fn.Name) || fn.Image == "" {
				t.Fatalf("read %+v", fn)
			}
		}
	})
}
