package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// script is a template's own way to compile, run as `sh build.sh OUT` in the
// build context. It must leave one static Linux program at OUT.
const script = "build.sh"

// passedVars are the variables of this process that a build may see: enough to
// find Go, its caches and the network, and none of the store's own secrets.
var passedVars = []string{"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "TZ", "XDG_CACHE_HOME", "CI", "CC", "CXX", "NETRC",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}

// locationVars are those of them, and of Go's, that say where things are and not what
// comes out.
var locationVars = append([]string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOTMPDIR", "GOPROXY", "GOBIN", "GOENV", "GOMAXPROCS"}, passedVars...)

// machineEnv gives the variables that a build takes over from this process.
func machineEnv() (env []string) {
	for _, kv := range os.Environ() {
		key, _, _ := strings.Cut(kv, "=")
		if slices.Contains(passedVars, key) || strings.HasPrefix(key, "GO") {
			env = append(env, kv)
		}
	}
	return env
}

// outputVars are the variables that change what comes out, for the cache's key.
func outputVars(env []string) (kept []string) {
	for _, kv := range env {
		if key, _, _ := strings.Cut(kv, "="); !slices.Contains(locationVars, key) {
			kept = append(kept, kv)
		}
	}
	slices.Sort(kept)
	return kept
}

// toolchain names the Go that a build will find, without running it: running
// it takes longer than everything else in a build with nothing to do. root is
// its GOROOT, empty when the program is not where one has it.
func toolchain() (id, root string, err error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return "", "", fmt.Errorf("find Go: %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", "", fmt.Errorf("find Go: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", "", fmt.Errorf("find Go: %w", err)
	}
	root = filepath.Dir(filepath.Dir(path))
	version, err := os.ReadFile(filepath.Join(root, "VERSION"))
	if err != nil {
		root = ""
	}
	return fmt.Sprintf("%s %d %d %q", path, info.Size(), info.ModTime().UnixNano(), version), root, nil
}

// run executes the script in dir and gives the end of what it printed in the
// error when it fails. When ctx ends, everything the script started ends too.
func run(ctx context.Context, dir, out string, env []string) error {
	cmd := exec.CommandContext(ctx, "sh", script, out)
	cmd.Dir = dir
	cmd.Env = env
	last := &tail{}
	cmd.Stdout, cmd.Stderr = last, last
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w\n%s", script, err, last)
	}
	return nil
}

// Bounds of what is kept of a build's output.
const (
	tailLines = 40
	tailBytes = 16 << 10
)

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-tailBytes):]...)
	if over := len(t.b) - tailBytes; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(t.b), "?")), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
