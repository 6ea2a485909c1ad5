package launch

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// thread starts what no other thread has to.
var thread = NewThread()

func start(s Spec, output, listener int) (int, error) {
	return startFrom(thread, s, output, listener)
}

func startFrom(t *Thread, s Spec, output, listener int) (int, error) {
	p, err := Prepare(s)
	if err != nil {
		return 0, err
	}
	return t.Start(p, output, listener)
}

// run starts a program and gives its output.
func run(t *testing.T, s Spec) (string, *os.ProcessState, error) {
	t.Helper()
	return runFrom(t, thread, s, -1)
}

func runFrom(t *testing.T, from *Thread, s Spec, listener int) (string, *os.ProcessState, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pid, err := startFrom(from, s, int(w.Fd()), listener)
	_ = w.Close()
	if err != nil {
		return "", nil, err
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	state, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return string(out), state, nil
}

func shell(script string) Spec {
	return Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Rules: rules()}
}

// rules are a shell's.
func rules() *Rules {
	r, err := NewRules("/bin/sh", nil, nil)
	if err != nil {
		panic(err)
	}
	return r
}

// user is one to become, when this process may.
func user() int {
	if os.Geteuid() == 0 {
		return 61999
	}
	return 0
}

func TestTheProgramRunsBehindTheWalls(t *testing.T) {
	s := shell("ulimit -n; ulimit -c; grep -E 'NoNewPrivs|CapEff' /proc/self/status")
	out, state, err := run(t, s)
	if got := strings.Join(strings.Fields(out), " "); err != nil || !state.Success() || got != "8192 0 CapEff: 0000000000000000 NoNewPrivs: 1" {
		t.Errorf("%q, %v, %v", got, state, err)
	}
	s = shell("id -u; id -g; id -G; grep CapBnd /proc/self/status")
	s.UID = user()
	out, _, err = run(t, s)
	if got := strings.Join(strings.Fields(out), " "); err != nil || s.UID != 0 && got != "61999 61999 61999 CapBnd: 0000000000000000" {
		t.Errorf("%q, %v", got, err)
	}
}

// What this process has open, has in its environment, and where it is, is not
// for the program: descriptors that were left open by whoever started it as well.
func TestNothingElseIsHandedOver(t *testing.T) {
	t.Setenv("MINE", "secret")
	left, err := unix.Open(os.DevNull, unix.O_RDONLY, 0) // without close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(left)
	listener, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dir := t.TempDir()
	s := Spec{
		Path: "/bin/sh", Args: []string{"its name", "-c", "echo $0; pwd; env | grep -v -e PWD -e _= | sort; echo /proc/$$/fd/*; readlink /proc/self/fd/0; ps -o pgid= -p $$; echo $$"},
		Env: []string{"PATH=/usr/bin:/bin", "YOURS=a=b"}, Dir: dir,
	}
	out, _, err := runFrom(t, thread, s, int(listener.Fd()))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err != nil || len(lines) != 8 {
		t.Fatalf("%q, %v", lines, err)
	}
	pid := lines[7]
	// 4 is the folder that the shell looks into.
	want := []string{"its name", dir, "PATH=/usr/bin:/bin", "YOURS=a=b", fmt.Sprintf("/proc/%[1]s/fd/0 /proc/%[1]s/fd/1 /proc/%[1]s/fd/2 /proc/%[1]s/fd/3 /proc/%[1]s/fd/4", pid), os.DevNull, pid}
	for i := range want {
		if strings.TrimSpace(lines[i]) != want[i] {
			t.Errorf("line %d: %q, want %q", i, lines[i], want[i])
		}
	}
}

// A wall that cannot be put up is a start that fails, with its reason, and
// leaves no process behind.
func TestWhatCannotBeStartedSaysWhy(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	closed, err := os.Open(plain) // cannot be written
	if err != nil {
		t.Fatal(err)
	}
	defer closed.Close()
	for want, s := range map[string]Spec{
		"exec /nowhere: no such file":    {Path: "/nowhere"},
		"exec " + plain + ": permission": {Path: plain, Args: []string{"plain"}},
		"enter " + plain + ": bad file":  {Path: "/bin/true", Groups: []*os.File{closed}},
		"enter /nowhere: no such file":   {Path: "/bin/true", Dir: "/nowhere"},
	} {
		p, err := start(s, -1, -1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", p, err, want)
		}
	}
	if r, err := NewRules("/nowhere", nil, nil); Landlock() > 0 && (err == nil || !strings.Contains(err.Error(), "landlock /nowhere: no such file")) {
		t.Errorf("%v, %v", r, err)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("child %d is left, %v", pid, err)
	}
}

// A start binds itself to a processor for a moment, and the program to none.
func TestTheProgramMayRunWhereverThisProcessMay(t *testing.T) {
	for _, mine := range []string{"as it is", "restricted"} {
		t.Run(mine, func(t *testing.T) {
			want, script := "", "grep Cpus_allowed_list /proc/self/status"
			if mine == "restricted" { // to the first of them
				parent := exec.Command("/proc/self/exe", "-test.run=TestTheProgramMayRunWhereverThisProcessMay/as_it_is")
				apart(func() {
					var all, one unix.CPUSet
					if err := unix.SchedGetaffinity(0, &all); err != nil {
						t.Error(err)
					}
					for i := 0; one.Count() == 0; i++ {
						if all.IsSet(i) {
							one.Set(i)
						}
					}
					if err := unix.SchedSetaffinity(0, &one); err != nil {
						t.Error(err)
					}
					if out, err := parent.CombinedOutput(); err != nil {
						t.Errorf("%v: %s", err, out)
					}
				})
				return
			}
			b, err := os.ReadFile("/proc/self/status")
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(b)) {
				if strings.HasPrefix(line, "Cpus_allowed_list") {
					want = line
				}
			}
			for range 3 {
				if out, _, err := run(t, shell(script)); err != nil || out != want {
					t.Errorf("%q, %v; want %q", out, err, want)
				}
			}
		})
	}
}

// The parent's thread waits for its child, so a child that is held up on its
// way, by a stop signal of somebody with the same user, has an end.
func TestAChildThatIsHeldUpIsEnded(t *testing.T) {
	defer func(was time.Duration) { late = was }(late)
	late = 50 * time.Millisecond
	l, err := write(Spec{Path: "/bin/true", UID: user()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if err := l.hand(-1, -1); err != nil {
		t.Fatal(err)
	}
	last := l.steps[len(l.steps)-1]
	l.steps = l.steps[:len(l.steps)-1]
	l.add("wait without end", unix.SYS_PPOLL, 0, 0, 0, 0)
	l.steps = append(l.steps, last)
	pid, errno := vfork(l)
	if errno != 0 {
		t.Fatal(unix.Errno(errno))
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(int(pid), &status, 0, nil); err != nil || status.Signal() != unix.SIGKILL {
		t.Errorf("%v, %v", status, err)
	}
}

// The child runs on the parent's memory and must leave it as it was, whatever
// the other threads do.
func TestManyStartsAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			from := NewThread()
			defer from.Close()
			for i := range 25 {
				word := fmt.Sprint("word-", n, "-", i)
				out, state, err := runFrom(t, from, Spec{Path: "/bin/echo", Args: []string{"echo", word}, UID: user()}, -1)
				if err != nil || !state.Success() || out != word+"\n" {
					t.Errorf("%q, %v, %v", out, state, err)
				}
				runtime.GC()
			}
		})
	}
	all.Wait()
}

// A version 2 group is entered by being made in it.
func TestTheProgramIsMadeInItsGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may make groups at the top")
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		left, right, _ := strings.Cut(line, " - ")
		if !strings.HasPrefix(right, "cgroup2 ") {
			continue
		}
		dir := filepath.Join(strings.Fields(left)[4], fmt.Sprint("launch-test-", os.Getpid()))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Logf("not tested: %v", err)
			return
		}
		defer os.Remove(dir)
		group, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer group.Close()
		s := shell("grep ^0: /proc/self/cgroup")
		s.Cgroup, s.UID = group, user()
		out, _, err := run(t, s)
		if err != nil || !strings.HasSuffix(strings.TrimSpace(out), filepath.Base(dir)) {
			t.Errorf("it is in %q, %v", out, err)
		}
		return
	}
	t.Log("not tested: no control groups of version 2 are mounted here")
}

// The test binary is also a parent to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("LAUNCH_PARENT") != "" {
		p, err := start(Spec{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, UID: user()}, -1, -1)
		if err != nil {
			panic(err)
		}
		fmt.Println(p)
		time.Sleep(time.Hour) // until it is killed
	}
	os.Exit(m.Run())
}

func TestTheProgramEndsWithItsParent(t *testing.T) {
	parent := exec.Command("/proc/self/exe")
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
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil || string(b) != "sleep\n" {
			return
		}
		if stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); strings.Contains(string(stat), ") Z ") {
			return // it waits for whoever collects orphans
		}
		if time.Now().After(deadline) {
			t.Fatal("it lives on")
		}
	}
}
