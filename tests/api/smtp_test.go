package api

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/runtime/ingress/ingresstest"
)

// mailServer starts a real SMTP server and gives the URL with its password, the
// PEM of its certificate, and what it has taken.
func mailServer(t *testing.T) (url, ca string, received func() []string) {
	t.Helper()
	if err := exec.Command("/usr/bin/python3", "-c", "import aiosmtpd").Run(); err != nil {
		if os.Getenv("CI") != "true" {
			t.Skip("python3-aiosmtpd is not installed")
		}
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key := ingresstest.Certificate(t, t.TempDir(), "localhost")
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/smtpd.py", dir, certificate, key)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the mail server does not start: %v", err)
	}
	pem, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	return "smtp://store:p%40ss%20word@localhost:" + strings.TrimSpace(port) + "?from=store@example.org", string(pem), func() (list []string) {
		paths, err := filepath.Glob(filepath.Join(dir, "*.eml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, string(b))
		}
		return list
	}
}
