// Package storetest runs whole stores for tests: the real binary, started as
// people start it, with a state and ports of its own. A store ends with the
// test process, however that ends, and leaves nothing behind. It does not know
// what is tested.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fnstore/runtime/services"
)

// patience bounds a start: every function is compiled, on a busy machine.
const patience = 10 * time.Minute

// Store is a store that was started. What it answers on is known while it is up.
type Store struct {
	URL            string // of the gateway
	User, Password string // of the operator
	S3Endpoint     string // URL without the keys
	S3Access       string
	S3Secret       string
	Postgres       string            // the owner's URL
	Redis          string            // the owner's URL
	Env            map[string]string // all that .fnstore/env says

	Root  string // of the repository
	Bin   string // fnstore
	State string // the folder .fnstore

	dir   string // of everything
	env   []string
	guard *guard
	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has
}

// Start brings up a store of the test's own and takes it down with the test.
// The environment is NAME=value, beyond what every store gets. Without Postgres
// or Redis on the machine the test is skipped, and fails under CI=true.
func Start(t testing.TB, env ...string) *Store {
	t.Helper()
	s, err := Open(env...)
	if err != nil {
		Absent(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Logs())
		}
		if err := s.Close(); err != nil {
			t.Errorf("take the store down: %v", err)
		}
	})
	return s
}

// Absent ends a test that has no store: it is skipped when the machine lacks a
// service, and fails for any other reason and under CI=true.
func Absent(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, services.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skipf("%v; `sh scripts/deps.sh test` installs it", err)
	}
	t.Fatal(err)
}

// Open is Start for a TestMain: the caller closes the store.
func Open(env ...string) (*Store, error) {
	root, err := repository()
	if err != nil {
		return nil, err
	}
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	s := &Store{Root: root, Bin: filepath.Join(dir, "fnstore"), State: filepath.Join(dir, "state"), User: "admin", dir: dir}
	s.env = environment(dir, env)
	if s.guard, err = protect(s.Bin, s.State, dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := compile(root, s.Bin); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := errors.Join(os.Mkdir(s.State, 0o700), buildsOf(root).seed(s.State)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Up(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := buildsOf(root).keep(s.State); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// folder makes a folder under a short path, since sockets have short names,
// that every user may walk through, since functions have users of their own.
func folder() (string, error) {
	dir, err := os.MkdirTemp("/tmp", "fnst-")
	if err != nil {
		return "", fmt.Errorf("make a folder for a store: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", err
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o777); err != nil {
		return "", err
	}
	return dir, os.Chmod(tmp, 0o1777)
}

// withoutStore is our environment without any setting of a store.
func withoutStore() (env []string) {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case strings.HasPrefix(name, "FNSTORE_"), strings.HasPrefix(name, "OPENFAAS_"), strings.HasPrefix(name, "S3_"),
			strings.HasPrefix(name, "PG"), name == "POSTGRES_URL", name == "REDIS_URL", name == "secret_mount_path":
			continue
		}
		env = append(env, v)
	}
	return env
}

// environment is that of a store in dir.
func environment(dir string, more []string) []string {
	env := append(withoutStore(), "TMPDIR="+filepath.Join(dir, "tmp"), "FNSTORE_STATE="+filepath.Join(dir, "state"))
	for _, port := range []string{"GATEWAY", "METRICS", "INTAKE", "REGISTRY", "S3"} {
		env = append(env, "FNSTORE_"+port+"_PORT=0")
	}
	if b := Backend(); b != "" {
		env = append(env, "FNSTORE_BACKEND="+b)
	}
	return append(env, more...)
}

// Command is a command of the store's own binary, such as "invoke", "hello".
func (s *Store) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.Bin, args...)
	cmd.Dir, cmd.Env = s.Root, s.env
	return cmd
}

// Up starts the store, or starts it again on its state, and returns when it is
// up. Its ports may be others then.
func (s *Store) Up() error {
	out, err := os.OpenFile(s.printed(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	s.cmd = s.Command("up")
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C at the test is the guard's to hear
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start the store: %w", err)
	}
	s.ended = make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	if err := s.awaitUp(); err != nil {
		return err
	}
	return s.read()
}

// awaitUp waits for the words that people wait for.
func (s *Store) awaitUp() error {
	late := time.After(patience)
	for {
		printed, err := os.ReadFile(s.printed())
		if err != nil {
			return err
		}
		if strings.Contains(string(printed), "\nfnstore is up") {
			return nil
		}
		select {
		case <-s.ended:
			if strings.Contains(string(printed), services.ErrMissing.Error()) {
				return fmt.Errorf("the store did not start: %s: %w", printed, services.ErrMissing)
			}
			return fmt.Errorf("the store did not start: %s\n%s", printed, s.Logs())
		case <-late:
			return fmt.Errorf("the store is not up after %s: %s\n%s", patience, printed, s.Logs())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Store) printed() string { return filepath.Join(s.dir, "up.log") }

// read asks a shell what .fnstore/env says, as scripts do.
func (s *Store) read() error {
	sh := exec.Command("/bin/sh", "-c", `. "$1" && exec env -0`, "sh", filepath.Join(s.State, "env"))
	sh.Env = []string{"PATH=" + os.Getenv("PATH")}
	b, err := sh.Output()
	if err != nil {
		return fmt.Errorf("read .fnstore/env: %w", err)
	}
	s.Env = map[string]string{}
	for v := range strings.SplitSeq(strings.TrimRight(string(b), "\x00"), "\x00") {
		name, value, _ := strings.Cut(v, "=")
		s.Env[name] = value
	}
	password, err := os.ReadFile(s.Env["OPENFAAS_PASSWORD_FILE"])
	if err != nil {
		return fmt.Errorf("read the password: %w", err)
	}
	s.URL, s.Password = s.Env["OPENFAAS_URL"], strings.TrimSpace(string(password))
	s.S3Endpoint, s.S3Access, s.S3Secret = s.Env["S3_ENDPOINT"], s.Env["S3_ACCESS_KEY"], s.Env["S3_SECRET_KEY"]
	s.Postgres, s.Redis = s.Env["POSTGRES_URL"], s.Env["REDIS_URL"]
	return nil
}

// S3 is the object store's URL with the keys in it, as kit/s3 reads it.
func (s *Store) S3() string {
	u, err := url.Parse(s.S3Endpoint)
	if err != nil {
		return ""
	}
	u.User = url.UserPassword(s.S3Access, s.S3Secret)
	return u.String()
}

// PID is the process of fnstore itself.
func (s *Store) PID() int { return s.cmd.Process.Pid }

// Kill ends the process of fnstore as a power cut would, and leaves its
// services to whoever comes next.
func (s *Store) Kill() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill the store: %w", err)
	}
	<-s.ended
	return nil
}

// Down stops the store, and what a killed one has left, with `fnstore down`.
// The state stays: Up goes on with it.
func (s *Store) Down() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	down := exec.CommandContext(ctx, s.Bin, "down")
	down.Dir, down.Env = s.Root, s.env
	if out, err := down.CombinedOutput(); err != nil {
		return fmt.Errorf("fnstore down: %w: %s", err, out)
	}
	if s.cmd == nil {
		return nil
	}
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return errors.New("fnstore down has returned, and the store runs on")
	}
}

// Close takes the store down, removes all that is its own and says what stayed.
func (s *Store) Close() error {
	if s.State == "" {
		return os.RemoveAll(s.dir)
	}
	var err error
	if _, none := os.Stat(s.Bin); none == nil {
		err = s.Down()
	}
	s.guard.release()
	left := leftProcesses(s.dir)
	return errors.Join(err, left, os.RemoveAll(s.dir))
}

// Logs is the end of what the store printed and logged, for a test that failed.
func (s *Store) Logs() string {
	if s.State == "" {
		return "--- the gateway was not started by this test, and its log is its own\n"
	}
	var b strings.Builder
	for _, at := range []string{s.printed(), filepath.Join(s.State, "fnstore.log")} {
		fmt.Fprintf(&b, "--- %s\n%s\n", filepath.Base(at), tail(at))
	}
	return b.String()
}

func tail(path string) string {
	const most = 8 << 10
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-most), io.SeekStart) // at worst all of it is read
	}
	b, _ := io.ReadAll(io.LimitReader(f, most)) // what could be read is what can be said
	return string(b)
}
