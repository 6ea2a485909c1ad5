package function

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/kit/caller"
	"fnstore/kit/golden"
)

func noSecret(string) (string, error) { return "", errors.New("not mounted") }

func TestHandler_Golden(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("secret_mount_path", dir)
	if err := os.WriteFile(filepath.Join(dir, caller.Secret), []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Open(func(string) string { return "" }, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	golden.Run(t, h, "testdata")
}

// Seed: R12, B74
func TestOpen_BadSettings(t *testing.T) {
	for name, value := range map[string]string{"report_bucket": "No Bucket", "sweep_batch": "0"} {
		if _, err := Open(func(n string) string { return map[string]string{name: value}[n] }, noSecret); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

func FuzzHarmless(f *testing.F) {
	f.Add("=1+1")
	f.Add(" \u00a0@x")
	f.Fuzz(func(t *testing.T, cell string) {
		got := harmless(cell)
		if !strings.HasSuffix(got, cell) {
			t.Errorf("%q became %q", cell, got)
		}
		if first := strings.TrimLeft(got, " \u00a0\ufeff"); first != "" && strings.ContainsAny(first[:1], "=+-@\t\r\n") {
			t.Errorf("%q is a formula", got)
		}
	})
}
