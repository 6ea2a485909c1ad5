// Package ingress has curl and faas-cli call whole stores that speak TLS: one
// with a certificate of its own, and one behind a proxy that has it.
package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnstore/tests/storetest"
)

// start runs a store whose one function is probe.
func start(t *testing.T, env ...string) *storetest.Store {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	probe := filepath.Join(t.TempDir(), "probe") // a copy: it needs a go.mod to be built
	put(t, filepath.Join(here, "testdata/probe"), probe)
	put(t, filepath.Join(here, "../../../template/golang-middleware/function/go.mod"), filepath.Join(probe, "go.mod"))
	return storetest.Start(t, append(env, "FNSTORE_STACK="+filepath.Join(here, "testdata/stack.yml"), "PROBE_DIR="+probe)...)
}

// put copies a file or a folder.
func put(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err == nil && info.IsDir() {
		err = os.CopyFS(to, os.DirFS(from))
	} else if err == nil {
		var b []byte
		if b, err = os.ReadFile(from); err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, b, 0o644))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// program finds a Debian package's program; without it the test is skipped, and
// fails under CI=true.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, try := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(try); err == nil {
			return path
		}
	}
	why := "there is no " + name + " here; `sh scripts/deps.sh test` installs it"
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}

// answer is what curl got.
type answer struct {
	body    string
	code    string // of the status
	version string // of HTTP
}

// curl calls a URL as people do. It must come to an answer.
func curl(t *testing.T, args ...string) answer {
	t.Helper()
	a, err := tryCurl(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func tryCurl(t *testing.T, args ...string) (answer, error) {
	t.Helper()
	args = append([]string{"-sS", "--noproxy", "*", "--max-time", "60", "-w", "\n%{http_code} %{http_version}"}, args...)
	cmd := exec.CommandContext(t.Context(), program(t, "curl"), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("curl %.400s: %s", strings.Join(args, " "), exit.Stderr)
		}
		return answer{}, err
	}
	cut := strings.LastIndexByte(string(out), '\n')
	var a answer
	a.body = string(out[:cut])
	a.code, a.version, _ = strings.Cut(string(out[cut+1:]), " ")
	return a, nil
}

// wants checks the status and the version of HTTP.
func (a answer) wants(t *testing.T, what, code, version string) {
	t.Helper()
	if a.code != code || a.version != version {
		t.Errorf("%s: %s over HTTP/%s, want %s over HTTP/%s: %.300s", what, a.code, a.version, code, version, a.body)
	}
}

// probed is a request as the function saw it.
type probed struct {
	Host   string
	Header http.Header
	Sent   int64
}

func (a answer) probed(t *testing.T) (p probed) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%s %s: %v", a.code, a.body, err)
	}
	return p
}

// forwarded is what the function learns of its client: address, scheme, host.
func (p probed) forwarded() string {
	return strings.Join([]string{strings.Join(p.Header["X-Forwarded-For"], "|"), strings.Join(p.Header["X-Forwarded-Proto"], "|"), strings.Join(p.Header["X-Forwarded-Host"], "|")}, " ")
}

// settles waits until ok, at most for a time that only a broken store needs.
func settles(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not after a minute", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
