package faascli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is docs/faas-cli.md in the making. What differs from run to run, such as
// ports, times and ids, is replaced, so that the page changes only when faas-cli
// or the store says something else.
type page struct {
	text  strings.Builder
	names []string // pairs for a strings.Replacer
	open  bool     // inside a block of commands
}

const preface = `# faas-cli and this store

What the real faas-cli says to a store that runs, command by command. The page is written by the test that checks it:
` + "`make test-faas-cli FAAS_CLI=path`" + ` runs every command below against a store of its own and fails when faas-cli is not content, or when this page has
become another; ` + "`make test-faas-cli FAAS_CLI=path UPDATE=1`" + ` writes it anew. faas-cli is not part of this repository and none is fetched, so the test runs only
where somebody has one, and not in CI.

Ports, ids, times and sizes are replaced by round ones. Before all of this: ` + "`. .fnstore/env`" + `, for ` + "`OPENFAAS_URL` and `FNSTORE_REGISTRY`" + `.
`

// varying is what no two runs share.
var varying = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile("\x1b\\[[0-9;]*m"), ""},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d)?( UTC| [A-Z]{3,4})?`), "2026-01-01T12:00:00Z"},
	{regexp.MustCompile(`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d`), "2026/01/01 12:00:00"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "00000000-0000-4000-8000-000000000000"},
	{regexp.MustCompile(`"(duration_ms|duration|seconds|bytes|bytes_in|bytes_out|start|remote|trace_id|traceparent)":("[^"]*"|[\d.]+)`), `"$1":0`},
	{regexp.MustCompile(`\b[0-9a-f]{40}\b`), strings.Repeat("0", 40)},
	{regexp.MustCompile(`\[\d+\.\d+s\]|\b\d+\.\d+s\b|\b\d+(\.\d+)?(µ|m)s\b`), "0.1s"},
	{regexp.MustCompile(`\(hello-[-0-9a-z]+\)`), "(hello-1)"},
	{regexp.MustCompile(`[ \t]+\n`), "\n"},
	{regexp.MustCompile(`(?m)(^\[\d+/\d+\] Waiting for .*\n)+`), "[…] Waiting\n"}, // as often as it takes
}

// replace adds names for what only this run has.
func (p *page) replace(pairs ...string) { p.names = append(p.names, pairs...) }

func (p *page) stable(s string) string {
	s = strings.NewReplacer(p.names...).Replace(s)
	for _, v := range varying {
		s = v.what.ReplaceAllString(s, v.with)
	}
	s = listed.ReplaceAllStringFunc(s, func(list string) string {
		return strings.Join(slices.Sorted(strings.Lines(list)), "")
	})
	return deployed.ReplaceAllStringFunc(s, func(list string) string {
		all := strings.Split(strings.TrimRight(list, "\n")+"\n\n", "Deploying: ")[1:]
		slices.Sort(all)
		return "Deploying: " + strings.Join(all, "Deploying: ")
	})
}

// What faas-cli prints in the order of a Go map, which has none.
var (
	listed   = regexp.MustCompile(`(?m)(^-  .*\n)+|(^ [a-z_]+: .*\n)+`)
	deployed = regexp.MustCompile(`(Deploying: .*\n\nDeployed\. .*\nURL: .*\n+)+`)
)

func (p *page) chapter(title, text string) {
	p.close()
	fmt.Fprintf(&p.text, "\n## %s\n\n", title)
	if text != "" {
		fmt.Fprintf(&p.text, "%s\n\n", text)
	}
}

func (p *page) close() {
	if p.open {
		p.text.WriteString("```\n")
		p.open = false
	}
}

// command adds a prompt with what was typed, what came, and a status that is
// not 0.
func (p *page) command(stdin string, args []string, said string, status int) {
	if !p.open {
		p.text.WriteString("```console\n")
		p.open = true
	}
	typed := "faas-cli"
	for _, a := range args {
		if strings.ContainsAny(a, " {}\"*<>$") {
			a = "'" + a + "'"
		}
		typed += " " + a
	}
	if stdin != "" {
		typed = "printf %s '" + stdin + "' | " + typed
	}
	fmt.Fprintf(&p.text, "$ %s\n", p.stable(typed))
	if said = strings.Trim(p.stable(said+"\n"), "\n"); said != "" {
		fmt.Fprintln(&p.text, said)
	}
	if status != 0 {
		fmt.Fprintf(&p.text, "(exit status %d)\n", status)
	}
	p.text.WriteByte('\n')
}

// compare holds the page against the one in docs, or writes it there.
func (p *page) compare(t *testing.T, path string) {
	t.Helper()
	p.close()
	now := strings.ReplaceAll(preface+p.text.String(), "\n\n```\n", "\n```\n")
	if *update {
		write(t, path, now)
		return
	}
	was := strings.Split(read(t, path), "\n")
	for i, l := range strings.Split(now, "\n") {
		if i >= len(was) || was[i] != l {
			t.Errorf("docs/faas-cli.md is another at line %d (-update writes it anew): now it is %q", i+1, l)
			return
		}
	}
}

func TestPage_ThePageForgetsWhatVaries(t *testing.T) {
	var p page
	p.replace("http://127.0.0.1:43210", "http://127.0.0.1:8080")
	p.command("", []string{"list"}, "at http://127.0.0.1:43210 2026-11-23T14:30:00.123Z \x1b[33mid 7a1fd5a4-0f0f-4a4a-8b8b-001122334455\x1b[0m [0.04s]", 1)
	p.close()
	want := "```console\n$ faas-cli list\nat http://127.0.0.1:8080 2026-01-01T12:00:00Z id 00000000-0000-4000-8000-000000000000 0.1s\n(exit status 1)\n\n```\n"
	if got := p.text.String(); got != want {
		t.Errorf("%q", got)
	}
}
