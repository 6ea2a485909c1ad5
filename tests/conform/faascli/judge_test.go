// Package faascli lets the real faas-cli judge a whole store: every command
// that people use is run as they run it, and docs/faas-cli.md is what it said.
// The store never links faas-cli and does not fetch it: FAAS_CLI names one, and
// without it there is nothing here to run.
package faascli

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/tests/storetest"
)

var update = flag.Bool("update", false, "write docs/faas-cli.md anew")

// judge runs faas-cli as one user with a home of their own, and writes down
// what they typed and read.
type judge struct {
	t     *testing.T
	cli   string
	store *storetest.Store
	home  string // of the user; its configuration is nobody else's
	dir   string // where the commands run
	page  page
}

// newJudge starts a store and gives the user a copy of the project.
func newJudge(t *testing.T) *judge {
	t.Helper()
	cli := os.Getenv("FAAS_CLI")
	if cli == "" {
		why := "FAAS_CLI names no faas-cli: make test-faas-cli FAAS_CLI=path"
		if os.Getenv("CI") == "true" {
			why += " (CI has none, so faas-cli judges nothing there)"
		}
		t.Skip(why)
	}
	cli, err := filepath.Abs(cli)
	if err != nil {
		t.Fatal(err)
	}
	s := storetest.Start(t)
	j := &judge{t: t, cli: cli, store: s, home: t.TempDir(), dir: t.TempDir()}
	for _, part := range []string{"stack.yml", "go.mod", "go.sum", "kit", "functions", "template"} {
		from, to := filepath.Join(s.Root, part), filepath.Join(j.dir, part)
		if info, err := os.Stat(from); err != nil {
			t.Fatal(err)
		} else if !info.IsDir() {
			write(t, to, read(t, from))
		} else if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	j.page.replace(
		s.Password, "PASSWORD",
		s.URL, "http://127.0.0.1:8080",
		s.Env["FNSTORE_REGISTRY"], "127.0.0.1:5000",
		strings.TrimPrefix(s.URL, "http://"), "127.0.0.1:8080",
		s.Root, "fnstore",
		j.home, "~",
		j.dir, "shop",
	)
	return j
}

// env is what the user's shell has after `. .fnstore/env`, and nothing of ours.
func (j *judge) env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + j.home, "OPENFAAS_CONFIG=" + filepath.Join(j.home, ".openfaas"),
		"OPENFAAS_URL=" + j.store.URL, "FNSTORE_REGISTRY=" + j.store.Env["FNSTORE_REGISTRY"],
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LANG=C", "TERM=dumb",
	}
}

// run gives faas-cli a line of arguments and its input, and returns what it
// printed and whether it said that all went well.
func (j *judge) run(stdin string, args ...string) (said string, ok bool) {
	j.t.Helper()
	cmd := exec.CommandContext(j.t.Context(), j.cli, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = j.dir, j.env(), strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		j.t.Fatalf("faas-cli %s: %v", strings.Join(args, " "), err)
	}
	j.page.command(stdin, args, out.String(), cmd.ProcessState.ExitCode())
	return out.String(), err == nil
}

// wants runs a command that must succeed and say each of the words.
func (j *judge) wants(stdin string, args []string, words ...string) string {
	j.t.Helper()
	said, ok := j.run(stdin, args...)
	j.check(said, ok, args, words)
	return said
}

// refuses runs a command that must fail and say each of the words.
func (j *judge) refuses(stdin string, args []string, words ...string) {
	j.t.Helper()
	said, ok := j.run(stdin, args...)
	j.check(said, !ok, args, words)
}

func (j *judge) check(said string, ok bool, args, words []string) {
	j.t.Helper()
	if !ok {
		j.t.Errorf("faas-cli %s ended the other way:\n%s", strings.Join(args, " "), said)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			j.t.Errorf("faas-cli %s does not say %q:\n%s", strings.Join(args, " "), w, said)
		}
	}
}

// in goes to another folder; what it returns comes back.
func (j *judge) in(dir string) (back func()) {
	was := j.dir
	j.dir = dir
	return func() { j.dir = was }
}

// chapter begins a part of the page.
func (j *judge) chapter(title, text string) { j.page.chapter(title, text) }

// line splits a command that needs no quoting.
func line(format string, a ...any) []string { return strings.Fields(fmt.Sprintf(format, a...)) }

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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
