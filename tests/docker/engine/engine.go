// Package engine runs a Docker engine of its own for tests and benchmarks, apart
// from everything else on the machine: in namespaces of its own for the network,
// mounts and processes, so that no packet filter rule, no bridge and no process
// of it is left, however the test ends. It does not know what is run in it.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrMissing says that this machine cannot run an engine.
var ErrMissing = errors.New("no container engine can be started here")

// Engine is a Docker daemon and the client that belongs to it.
type Engine struct {
	Host string   // as DOCKER_HOST has it
	Env  []string // of the client, and of programs that call it

	dir    string
	client string
	daemon *exec.Cmd
	ended  chan struct{}
}

// Start runs a daemon below dir, with Debian's docker.io or any other
// installation. It must be called by a process that Apart has set apart.
func Start(dir string) (*Engine, error) {
	if err := Able(); err != nil {
		return nil, err
	}
	if os.Getenv(apartVar) == "" {
		return nil, errors.New("start an engine: this process is not set apart")
	}
	e := &Engine{Host: "unix://" + filepath.Join(dir, "docker.sock"), dir: dir, client: client()}
	path := filepath.Dir(e.client) + string(filepath.ListSeparator) + os.Getenv("PATH")
	e.Env = append(os.Environ(), "PATH="+path, "DOCKER_HOST="+e.Host, "DOCKER_BUILDKIT=1", "DOCKER_CONFIG="+filepath.Join(dir, "config"))
	return e, e.Again()
}

// Again starts the daemon after Stop, with all it had.
func (e *Engine) Again() error {
	cmd := exec.Command("dockerd", "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--cgroup-parent", cgroupName(os.Getenv(apartVar)), "-H", e.Host)
	said, ended := &bytes.Buffer{}, make(chan struct{})
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait(); close(ended) }()
	e.daemon, e.ended = cmd, ended
	for bound := time.Now().Add(time.Minute); time.Now().Before(bound); time.Sleep(100 * time.Millisecond) {
		if _, err := e.Run(nil, "version"); err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("%w: dockerd ended:\n%s", ErrMissing, tail(said.String()))
		default:
		}
	}
	e.Stop()
	return errors.New("dockerd does not answer")
}

// Able returns ErrMissing and the reason where no engine can be run.
func Able() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: dockerd needs root", ErrMissing)
	}
	for _, program := range []string{"dockerd", client()} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: no %s (apt-get install --no-install-recommends docker.io)", ErrMissing, filepath.Base(program))
		}
	}
	return nil
}

// client is the package's own; another one in PATH may lack BuildKit.
func client() string {
	const packaged = "/usr/bin/docker"
	if _, err := os.Stat(packaged); err == nil {
		return packaged
	}
	if found, err := exec.LookPath("docker"); err == nil {
		return found
	}
	return "docker"
}

// Stop ends the daemon and its containers.
func (e *Engine) Stop() {
	_ = e.daemon.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.ended:
	case <-time.After(time.Minute):
		_ = e.daemon.Process.Kill()
	}
}

// Run runs the client and gives what it printed.
func (e *Engine) Run(in io.Reader, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, e.client, args...)
	cmd.Env, cmd.Stdin = e.Env, in
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("docker %s: %w\n%s", args[0], err, tail(string(out)))
	}
	return strings.TrimSpace(string(out)), err
}

func tail(s string) string { return s[max(0, len(s)-2000):] }
