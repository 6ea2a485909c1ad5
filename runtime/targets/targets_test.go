package targets

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"fnstore/runtime/stackfile"
)

var update = flag.Bool("update", false, "write docs/targets.md anew")

const head = "version: 1.0\nprovider: {name: openfaas}\nfunctions:\n"

func parse(t *testing.T, text string) *stackfile.File {
	t.Helper()
	f, err := stackfile.ParseBytes("stack.yml", t.TempDir(), []byte(head+text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// quiet is what every target takes, so that a case has its own finding alone.
const quiet = "limits: {memory: 64Mi}"

// Each rule finds its case on the targets that have a cell for it, and nothing
// in a function that is as it should be.
//
// Seed: R90
func TestCheck_EveryRuleFindsItsCase(t *testing.T) {
	cases := map[string]string{
		"deployment":                         "limits: {memory: 128m}",
		"`namespace`":                        "namespace: other, " + quiet,
		"`secrets` that do not exist":        "secrets: [missing], " + quiet,
		"`platforms` without this machine's": "platforms: 'linux/amd64,linux/arm64', " + quiet,
		"`lang: dockerfile`, or a template without `build.sh`":                                   "lang: dockerfile, handler: ., " + quiet,
		"an address on loopback in `environment`":                                                "environment: {api: 'http://127.0.0.1:9/x'}, " + quiet,
		"`fprocess` in `environment`":                                                            "environment: {fprocess: cat}, " + quiet,
		"`com.openfaas.scale.factor` of 0 or above 100":                                          "labels: {com.openfaas.scale.factor: 0}, " + quiet,
		"`exec_timeout` above 60 s":                                                              "environment: {exec_timeout: 300, read_timeout: 6m, write_timeout: 6m, healthcheck_interval: 5s}, " + quiet,
		"timeouts that do not fit each other":                                                    "environment: {exec_timeout: 40s, healthcheck_interval: 5s}, " + quiet,
		"`healthcheck_interval` of 30 s or more":                                                 "environment: {healthcheck_interval: 60s}, " + quiet,
		"an image on a loopback registry":                                                        "image: '127.0.0.1:5000/a:1', " + quiet,
		"events: `topic`, `schedule`, `fnstore.s3.*`, `fnstore.postgres.watch`, `fnstore.sends`": "annotations: {fnstore.s3.watch: uploads}, " + quiet,
		"`fnstore.internal`":                                                                     "annotations: {fnstore.internal: true}, " + quiet,
		"replicas: `com.openfaas.scale.*`, `fnstore.scale.*`":                                    "annotations: {fnstore.scale.min: 2}, " + quiet,
		"other labels": "labels: {team: a}, " + quiet,
		"readiness: `com.openfaas.health.http.*`, `com.openfaas.ready.http.*`, `fnstore.start-timeout`": "annotations: {com.openfaas.health.http.path: /up}, " + quiet,
		"`limits.cpu`":               "limits: {memory: 64Mi, cpu: 500m}",
		"no `limits.memory`":         "limits: {cpu: 500m}",
		"`requests`":                 "requests: {cpu: 50m}, " + quiet,
		"`constraints`":              "constraints: [a=b], " + quiet,
		"`readonly_root_filesystem`": "readonly_root_filesystem: true, " + quiet,
		"`fprocess`":                 "fprocess: ./handler, " + quiet,
	}
	for _, r := range rules {
		if r.file != nil {
			continue
		}
		text, ok := cases[r.name]
		if !ok {
			t.Errorf("%s has no case", r.name)
			continue
		}
		if !strings.Contains(text, "image:") {
			text = "image: 'ghcr.io/a/b:1', " + text
		}
		in := Input{File: parse(t, "  f: {"+text+"}\n"), Platform: "linux/arm/v7", Secrets: map[string]bool{}}
		for _, target := range All {
			want, applies := r.cells[target]
			i := slices.IndexFunc(Check(target, in), func(f Finding) bool { return f.Rule == r.name })
			if applies != (i >= 0) {
				t.Errorf("%s on %s: applies %v, found %v", r.name, target, applies, Check(target, in))
			} else if applies && Check(target, in)[i].Effect != want.effect {
				t.Errorf("%s on %s: %+v", r.name, target, Check(target, in)[i])
			}
		}
	}
}

func TestCheck_NothingToSay(t *testing.T) {
	in := Input{File: parse(t, "  f: {image: 'ghcr.io/a/b:1', secrets: [f-pg, there], "+quiet+"}\n"), Platform: "linux/amd64", Secrets: map[string]bool{"there": true}}
	for _, target := range []Target{Runtime, Docker} {
		if got := Check(target, in); len(got) > 0 {
			t.Errorf("%s: %+v", target, got)
		}
	}
	if got := Check(Faasd, in); len(got) == 0 || got[0].Effect != Refused || !slices.Equal(got[0].Details, []string{"f: f-pg"}) {
		t.Errorf("faasd makes no login of Postgres, and it says %+v", got)
	}
}

func TestCheck_SixteenFunctions(t *testing.T) {
	var text strings.Builder
	for i := range maxFaasd + 1 {
		fmt.Fprintf(&text, "  f%d: {image: 'ghcr.io/a/b:1', %s}\n", i, quiet)
	}
	in := Input{File: parse(t, text.String())}
	if got := Check(Faasd, in); len(got) == 0 || got[0].Rule != rules[0].name || got[0].Details[0] != "16 functions" {
		t.Errorf("%+v", got)
	}
	in.File.Functions = in.File.Functions[1:]
	if got := Check(Faasd, in); got[0].Rule == rules[0].name {
		t.Errorf("%+v", got[0])
	}
}

// TestPage keeps docs/targets.md equal to the table.
func TestPage(t *testing.T) {
	const at = "../../docs/targets.md"
	if *update {
		if err := os.WriteFile(at, []byte(Page()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page, err := os.ReadFile(at); err != nil || string(page) != Page() {
		t.Errorf("docs/targets.md is not what the table says: run `make docs` (%v)", err)
	}
}
