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
	for name, values := range map[string][]string{
		"gateway_url": {"gateway:8080", "ftp://x"},
		"chain_steps": {"a", "a=", "=b", "a=b, a=c", "a=B", "a=chain", "a=chain?op=run", "a=b?%zz", strings.TrimSuffix(strings.Repeat("x=y,", 2), ","), "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1"},
	} {
		for _, value := range values {
			if _, err := Open(func(n string) string { return map[string]string{name: value}[n] }, noSecret); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		}
	}
}

func FuzzParseSteps(f *testing.F) {
	f.Add(DefaultSteps)
	f.Add("a=b?c=d&e=%20f, g=h")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseSteps(text)
		if err != nil {
			return
		}
		for _, s := range list {
			if s.name == "" || s.function == "" || strings.ContainsAny(s.query, " \r\n#") {
				t.Errorf("%q: %+v", text, s)
			}
		}
	})
}

func FuzzReason(f *testing.F) {
	f.Add(422, []byte(`{"code":"bad","detail":"why"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if e := reason(answer{status: status, body: body}); e.code == "" || len([]rune(e.code)) > 100 || len([]rune(e.detail)) > 1000 {
			t.Errorf("%+v", e)
		}
	})
}
