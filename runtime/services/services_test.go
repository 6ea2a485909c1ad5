package services_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fnstore/runtime/services"
)

// service is what both have in common, and what nearly every test here is about.
type service interface {
	URL() string
	Port() int
	PID() int
	Adopted() bool
	User() string
	Check(context.Context) error
	Stop(context.Context) error
}

var kinds = map[string]func(context.Context, services.Config) (service, error){
	"postgres": func(ctx context.Context, c services.Config) (service, error) {
		s, err := services.StartPostgres(ctx, c)
		if err != nil {
			return nil, err
		}
		return s, nil
	},
	"redis": func(ctx context.Context, c services.Config) (service, error) {
		s, err := services.StartRedis(ctx, c)
		if err != nil {
			return nil, err
		}
		return s, nil
	},
}

// TestMain is also the parent that some tests kill: with FNSTORE_TEST_PARENT set
// to "kind dir", the binary starts that service, prints its pid, and waits.
func TestMain(m *testing.M) {
	if job := os.Getenv("FNSTORE_TEST_PARENT"); job != "" {
		kind, dir, _ := strings.Cut(job, " ")
		s, err := kinds[kind](context.Background(), services.Config{Dir: dir})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(s.PID(), s.Port(), s.User())
		io.Copy(io.Discard, os.Stdin)
		s.Stop(context.Background())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// place makes a directory that every user may enter, as t.TempDir does not.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "fnsv-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "s")
}

func start(t *testing.T, kind, dir string) service {
	t.Helper()
	s, err := kinds[kind](context.Background(), services.Config{Dir: dir})
	if errors.Is(err, services.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// each runs a test once for every kind of service.
func each(t *testing.T, test func(t *testing.T, kind string)) {
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) { test(t, kind) })
	}
}

func TestServices_StartCheckStop(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		dir := place(t)
		s := start(t, kind, dir)
		if s.Adopted() {
			t.Error("a first start says it adopted something")
		}
		if err := s.Check(context.Background()); err != nil {
			t.Errorf("check: %v", err)
		}
		if os.Geteuid() == 0 && s.User() == "root" {
			t.Error("runs as root")
		}
		for _, name := range []string{"password", "start.log", "lock"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v, %v; want 0600", name, info.Mode(), err)
			}
		}
		if err := s.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		if left := living(dir); len(left) > 0 {
			t.Errorf("processes left after Stop: %v", left)
		}
		if err := s.Check(context.Background()); err == nil {
			t.Error("a stopped service still answers")
		}
		again := start(t, kind, dir)
		if again.URL() != s.URL() {
			t.Error("port or password changed between two starts with nothing in the way")
		}
	})
}

func TestServices_TwoInstancesSideBySide(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		a, b := start(t, kind, place(t)), start(t, kind, place(t))
		if a.Port() == b.Port() || a.PID() == b.PID() {
			t.Errorf("ports %d and %d, pids %d and %d", a.Port(), b.Port(), a.PID(), b.PID())
		}
		if err := a.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := b.Check(context.Background()); err != nil {
			t.Errorf("stopping one hurt the other: %v", err)
		}
	})
}

func TestServices_DirectoryWithAnOddName(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		dir := filepath.Join(place(t), `it's a "store" é\ %d`)
		if err := os.MkdirAll(dir, 0o711); err != nil {
			t.Fatal(err)
		}
		s := start(t, kind, dir)
		if again := start(t, kind, dir); !again.Adopted() || again.PID() != s.PID() {
			t.Errorf("adopted %v, pid %d, want %d", again.Adopted(), again.PID(), s.PID())
		}
	})
}

func TestServices_ConcurrentStartsShareOneInstance(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		dir := place(t)
		first := start(t, kind, dir)
		type got struct {
			s   service
			err error
		}
		results := make(chan got)
		for range 3 {
			go func() {
				s, err := kinds[kind](context.Background(), services.Config{Dir: dir})
				results <- got{s, err}
			}()
		}
		for range 3 {
			r := <-results
			if r.err != nil {
				t.Error(r.err)
			} else if !r.s.Adopted() || r.s.PID() != first.PID() {
				t.Errorf("adopted %v, pid %d, want %d", r.s.Adopted(), r.s.PID(), first.PID())
			}
		}
	})
}

func TestServices_PortTakenInTheMeantime(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		dir := place(t)
		s := start(t, kind, dir)
		if err := s.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		squatter, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", s.Port()))
		if err != nil {
			t.Fatal(err)
		}
		defer squatter.Close()
		if again := start(t, kind, dir); again.Port() == s.Port() {
			t.Error("kept a port that is taken")
		}
	})
}

func TestServices_UnreachableDirectoryIsNamed(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		closed := filepath.Join(filepath.Dir(place(t)), "closed")
		mode := os.FileMode(0o700) // root may enter, the service's user may not
		if os.Geteuid() != 0 {
			mode = 0
		}
		if err := os.Mkdir(closed, mode); err != nil {
			t.Fatal(err)
		}
		_, err := kinds[kind](context.Background(), services.Config{Dir: filepath.Join(closed, "s")})
		var un *services.UnreachableError
		switch {
		case os.Geteuid() != 0:
			if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), closed) {
				t.Errorf("got %v, want a permission error for %s", err, closed)
			}
		case !errors.As(err, &un) || !errors.Is(err, services.ErrUnreachable) || un.Dir != closed:
			t.Errorf("got %v, want an UnreachableError for %s", err, closed)
		}
	})
}

func TestServices_WrongPasswordIsRefused(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		dir := place(t)
		s := start(t, kind, dir)
		if err := os.WriteFile(filepath.Join(dir, "password"), []byte("guess\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := kinds[kind](context.Background(), services.Config{Dir: dir}); !errors.Is(err, services.ErrRefused) {
			t.Errorf("adopt with a wrong password: %v, want ErrRefused", err)
		}
		u := strings.Replace(s.URL(), "fnstore:", "fnstore:x", 1)
		if _, err := kinds[kind](context.Background(), services.Config{External: u}); err == nil {
			t.Error("a wrong password is let in")
		} else if strings.Contains(err.Error(), s.URL()[len("redis://fnstore:"):40]) {
			t.Errorf("the error shows the password: %v", err)
		}
	})
}

func TestServices_ExternalIsUsedAndLeftAlone(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		s := start(t, kind, place(t))
		ext, err := kinds[kind](context.Background(), services.Config{External: s.URL()})
		if err != nil {
			t.Fatal(err)
		}
		if ext.URL() != s.URL() || ext.PID() != 0 {
			t.Errorf("external: url %q pid %d", ext.URL(), ext.PID())
		}
		if err := ext.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := s.Check(context.Background()); err != nil {
			t.Errorf("Stop reached a service of somebody else: %v", err)
		}
	})
}

// living lists the processes whose command line or working directory is in dir.
func living(dir string) []string {
	var left []string
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		cmd, _ := os.ReadFile(p + "/cmdline")
		cwd, _ := os.Readlink(p + "/cwd")
		if len(cmd) > 0 && (strings.Contains(string(cmd), dir) || strings.HasPrefix(cwd, dir)) {
			left = append(left, filepath.Base(p)+" "+strings.ReplaceAll(string(cmd), "\x00", " "))
		}
	}
	return left
}

// parent starts the service in another process of this binary, as the user with
// the given id when that is not 0, and returns that process and the service's pid.
func parent(t *testing.T, kind, dir string, uid uint32) (cmd *exec.Cmd, stdin io.Closer, pid int, user string) {
	t.Helper()
	self := filepath.Join(filepath.Dir(dir), "parent") // the original may be closed to that user
	if err := copyFile(self, "/proc/self/exe"); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self)
	cmd.Env = append(os.Environ(), "FNSTORE_TEST_PARENT="+kind+" "+dir)
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	word := strings.Fields(line)
	if len(word) < 3 {
		t.Fatalf("the parent says %q", line)
	}
	if pid, err = strconv.Atoi(word[0]); err != nil {
		t.Fatalf("the parent says %q", line)
	}
	return cmd, in, pid, word[2]
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, in)
	return err
}

func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil || len(b) == 0 {
			return
		}
	}
	t.Fatalf("process %d does not end", pid)
}
