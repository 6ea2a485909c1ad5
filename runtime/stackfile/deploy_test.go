package stackfile

import (
	"encoding/json"
	"strings"
	"testing"
)

// Seed: R28
func TestDeploy_DeploymentIsWhatFaasCLISends(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "template/go/template.yml", "language: go\nfprocess: ./handler\n")
	f, err := parse(t, head+`functions:
  full:
    lang: go
    handler: .
    image: 127.0.0.1:5000/a
    namespace: ns
    environment: {k: v}
    secrets: [s]
    constraints: ["a=b"]
    labels: {l: 1}
    annotations: {a: true}
    limits: {memory: 64Mi}
    requests: {cpu: 50m}
    readonly_root_filesystem: true
  bare: {image: "a:1"}
  own: {image: a, lang: go, handler: ., fprocess: ./mine}
  docker: {image: a, lang: dockerfile, handler: .}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"full":   `{"service":"full","image":"127.0.0.1:5000/a:latest","namespace":"ns","envProcess":"./handler","envVars":{"k":"v"},"constraints":["a=b"],"secrets":["s"],"labels":{"l":"1"},"annotations":{"a":"true"},"limits":{"memory":"64Mi"},"requests":{"cpu":"50m"},"readOnlyRootFilesystem":true}`,
		"bare":   `{"service":"bare","image":"a:1","labels":{},"annotations":{}}`,
		"own":    `{"service":"own","image":"a:latest","envProcess":"./mine","labels":{},"annotations":{}}`,
		"docker": `{"service":"docker","image":"a:latest","labels":{},"annotations":{}}`,
	}
	for _, fn := range f.Functions {
		d, err := fn.Deployment(".")
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(d)
		if err != nil || string(got) != want[fn.Name] {
			t.Errorf("%s: got  %s\nwant %s", fn.Name, got, want[fn.Name])
		}
	}
	f.Functions[0].Lang = "missing"
	if _, err := f.Functions[0].Deployment("."); err == nil || !strings.Contains(err.Error(), "template missing") {
		t.Errorf("a missing template: got %v", err)
	}
}

func TestDeploy_Tagged(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a:latest", "a:1": "a:1", "h:5000/a": "h:5000/a:latest", "h:5000/a:1": "h:5000/a:1",
		"a@sha256:00": "a@sha256:00",
	} {
		if got := Tagged(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestDeploy_Template(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "template/go@v1/template.yml", "language: go\nfprocess: ./h\nhandler_folder: fn\nbuild_options:\n  - name: dev\n    packages: [gcc, make]\nwelcome_message: |\n  hi\n")
	got, err := ReadTemplate(".", "go@v1")
	if err != nil || got.HandlerFolder != "fn" || got.Fprocess != "./h" || len(got.Packages["dev"]) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	write(t, "template/out/template.yml", "handler_folder: ../../x\n")
	for _, lang := range []string{"out", "none", "../template/out", ""} {
		if _, err := ReadTemplate(".", lang); err == nil {
			t.Errorf("%q was read", lang)
		}
	}
}
