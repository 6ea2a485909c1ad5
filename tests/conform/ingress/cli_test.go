package ingress

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/tests/storetest"
)

// faasCLI has the real faas-cli use the store at url from login to removal, and
// trust what trust names. FAAS_CLI names one; without it this part does not run,
// as in tests/conform/faascli.
func faasCLI(t *testing.T, s *storetest.Store, url, trust string) {
	t.Helper()
	cli := os.Getenv("FAAS_CLI")
	if cli == "" {
		t.Log("FAAS_CLI names no faas-cli: make test-faas-cli FAAS_CLI=path")
		return
	}
	cli, err := filepath.Abs(cli)
	if err != nil {
		t.Fatal(err)
	}
	home, dir := t.TempDir(), t.TempDir()
	image := s.Env["FNSTORE_REGISTRY"] + "/tests/probe:dev"
	for _, step := range []struct{ stdin, line, says string }{
		{s.Password, "login --password-stdin", "credentials saved for admin " + url},
		{"", "version --warn-update=false", "fnstore"},
		{"", "list", "probe"},
		{"", "describe probe", "Ready"},
		{"hello", "invoke probe", `"sent":5`},
		{"later", "invoke probe --async", "submitted asynchronously"},
		{"", "deploy --image " + image + " --name second", "Deployed. 202 Accepted"},
		{"", "ready second --attempts 60 --interval 1s", "second"},
		{"", "logs probe --tail=false --lines 1", "request"},
		{"value", "secret create api-key", "202 Accepted"},
		{"", "secret list", "api-key"},
		{"", "secret remove api-key", "OK"},
		{"", "remove second", "second"},
	} {
		cmd := exec.CommandContext(t.Context(), cli, strings.Fields(step.line)...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(step.stdin)
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + home, "OPENFAAS_CONFIG=" + filepath.Join(home, ".openfaas"),
			"OPENFAAS_URL=" + url, "SSL_CERT_FILE=" + trust, "LANG=C", "TERM=dumb",
		}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), step.says) {
			t.Errorf("faas-cli %s: %v, it does not say %q:\n%s", step.line, err, step.says, out)
		}
	}
}
