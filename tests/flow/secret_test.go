package flow

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A secret's value goes in by standard input or a file, as it is, and never
// comes out.
func TestSecrets_ByCommand(t *testing.T) {
	fits(t)
	dir := t.TempDir()
	kept := func() string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(shared.State, "secrets/trial-key"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	must(t, dir, "from a pipe\n", []string{"secret", "create", "trial-key"}, "trial-key is set, 11 bytes")
	if kept() != "from a pipe" {
		t.Errorf("kept %q", kept())
	}
	if out, err := fnstore(t, dir, "again", "secret", "create", "trial-key"); err == nil || !strings.Contains(out, "409") {
		t.Errorf("create, again: %v %s", err, out)
	}
	file := filepath.Join(dir, "value")
	save(t, file, "from\x00a file\n")
	must(t, dir, "", []string{"secret", "update", "trial-key", "--from-file", file})
	if kept() != "from\x00a file\n" {
		t.Errorf("kept %q", kept())
	}
	must(t, dir, "", []string{"secret", "update", "trial-key", "--from-literal", "seen by all"})
	if out := must(t, dir, "", []string{"secret", "list"}, "trial-key"); strings.Contains(out, "seen by all") {
		t.Errorf("a value is shown: %s", out)
	}
	for _, args := range [][]string{
		{"secret", "update", "trial-key"},                                              // nothing on standard input
		{"secret", "update", "trial-key", "from argv"},                                 // no such argument
		{"secret", "update", "trial-key", "--from-file", file, "--from-literal", "x"},  // which of them?
		{"secret", "update", "trial-key", "--from-file", filepath.Join(dir, "nobody")}, // not there
		{"secret", "update", "nobody", "--from-literal", "x"},
		{"secret", "create", "../escape", "--from-literal", "x"},
	} {
		if out, err := fnstore(t, dir, "", args...); err == nil {
			t.Errorf("%v: %s", args, out)
		}
	}
	if kept() != "seen by all" {
		t.Errorf("kept %q", kept())
	}
	must(t, dir, "", []string{"secret", "remove", "trial-key"}, "removed")
	if out, err := fnstore(t, dir, "", "secret", "remove", "trial-key"); err == nil || !strings.Contains(out, "404") {
		t.Errorf("remove, again: %v %s", err, out)
	}
}
