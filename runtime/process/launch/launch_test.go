package launch

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

var spec = Spec{
	Path: "/bin/f", Args: []string{"f", "", "a=b"}, Env: []string{"A=1", "B=x=\ny", "EMPTY="}, Parent: 7, UID: 61184,
	Groups: []string{"/sys/fs/cgroup/pids/x/cgroup.procs"}, CountTasks: true, Landlock: true, Read: []string{"/secrets"}, Write: []string{"/tmp/f"}, Mount: "/secrets",
}

func TestASpecIsReadAsItWasWritten(t *testing.T) {
	for _, s := range []Spec{spec, {Path: "/bin/f"}} {
		got, err := decode(s.Encode())
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%+v, %v; want %+v", got, err, s)
		}
	}
	whole := spec.Encode()
	for n := range whole { // an end in between is noticed, or walls would be missing
		s, err := decode(whole[:n])
		if err == nil && n > 0 && whole[n-1] != 0 {
			t.Errorf("the first %d bytes: %+v", n, s)
		}
	}
	for _, bad := range []string{"", "path=", "path=/f\x00uid=x\x00", "path=/f\x00wall=high\x00", "path", "\x00", "=\x00"} {
		if s, err := decode([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
}

func FuzzSpec(f *testing.F) {
	f.Add(spec.Encode())
	f.Add([]byte("path=/f\x00uid=-1\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(s.Encode())
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%+v became %+v, %v", s, again, err)
		}
	})
}

// command is the launcher's, with the spec as a file in dir.
func command(s Spec, dir string) (*exec.Cmd, error) {
	s.Env, s.Parent = []string{"PATH=/usr/bin:/bin"}, os.Getpid()
	f, err := os.CreateTemp(dir, "spec")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name())
	cmd := exec.Command(Self, Argument, "3")
	cmd.Env, cmd.ExtraFiles = []string{}, []*os.File{f}
	_, err = f.Write(s.Encode())
	return cmd, err
}

// start runs a program behind walls, as this test's own child.
func start(t *testing.T, s Spec) (string, error) {
	t.Helper()
	cmd, err := command(s, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestTheProgramRunsBehindTheWalls(t *testing.T) {
	out, err := start(t, Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "ulimit -n; ulimit -c; grep -E 'NoNewPrivs|CapEff' /proc/self/status; ls /proc/self/fd | wc -w"}, Landlock: Landlock() > 0})
	got := strings.Fields(out)
	want := "8192 0 CapEff: 0000000000000000 NoNewPrivs: 1 4" // the fourth is of ls
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWhatCannotBeLaunchedSaysWhy(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]Spec{
		"no such file":      {Path: "/nowhere", Landlock: Landlock() > 0},
		"no launch spec":    {},
		"cgroup.procs":      {Path: "/bin/true", Groups: []string{"/nowhere/cgroup.procs"}},
		"permission denied": {Path: plain, Args: []string{"plain"}},
	} {
		out, err := start(t, s)
		if err == nil || !strings.Contains(out, "fnstore: cannot start the function: ") || !strings.Contains(out, want) {
			t.Errorf("%+v: %q, %v", s, out, err)
		}
	}
}

// The test binary is also a parent to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("LAUNCH_PARENT") != "" {
		runtime.LockOSThread() // the signal comes when the thread that started it ends
		cmd, _ := command(Spec{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, UID: user()}, os.TempDir())
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Println(cmd.Process.Pid)
		time.Sleep(time.Hour) // until it is killed
	}
	os.Exit(m.Run())
}

func TestTheProgramEndsWithItsParent(t *testing.T) {
	parent := exec.Command(Self)
	parent.Env = append(os.Environ(), "LAUNCH_PARENT=yes")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	for name := ""; name != "sleep\n"; { // it is past the launcher
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			t.Fatal(err)
		}
		name = string(b)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil || string(b) != "sleep\n" {
			return
		}
		if stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); bytes.Contains(stat, []byte(") Z ")) {
			return // it waits for whoever collects orphans
		}
		if time.Now().After(deadline) {
			t.Fatal("it lives on")
		}
	}
}

// user is one to become, when this process may.
func user() int {
	if os.Geteuid() == 0 {
		return 61999
	}
	return 0
}
