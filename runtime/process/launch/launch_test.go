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

	"fnstore/runtime/process/cgroup"
)

// start starts the program on a thread that lasts as long as the test.
func start(t *testing.T, s Spec, output, listener *os.File) (*os.Process, error) {
	t.Helper()
	l, err := New(s)
	if err != nil {
		return nil, err
	}
	t.Cleanup(l.Close)
	return l.Start(output, listener)
}

// run starts the program and gives its output. The program reads a line from
// descriptor 3 when it wants to be bounded: that comes a moment after its start.
func run(t *testing.T, s Spec) (string, *os.ProcessState, error) {
	t.Helper()
	output, theirOutput := pipe(t)
	theirInput, input := pipe(t)
	p, err := start(t, s, theirOutput, theirInput)
	if err != nil {
		return "", nil, err
	}
	_, _ = theirOutput.Close(), theirInput.Close()
	_, _ = fmt.Fprintln(input, "started") // which not every program reads
	out, err := io.ReadAll(output)
	if err != nil {
		t.Fatal(err)
	}
	state, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return string(out), state, nil
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

func shell(script string) Spec {
	return Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "read started <&3; " + script}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/"}
}

// user is one to become, when this process may.
func user() int {
	if os.Geteuid() == 0 {
		return 61999
	}
	return 0
}

func TestLauncher_RestrictsTheProgram(t *testing.T) {
	out, state, err := run(t, shell("ulimit -n; ulimit -c; grep -E 'NoNewPrivs|Cap(Eff|Prm|Inh|Amb)' /proc/self/status"))
	want := "8192 0 CapInh: 0000000000000000 CapPrm: 0000000000000000 CapEff: 0000000000000000 CapAmb: 0000000000000000 NoNewPrivs: 1"
	if got := strings.Join(strings.Fields(out), " "); err != nil || !state.Success() || got != want {
		t.Errorf("%q, %v, %v", got, state, err)
	}
	s := shell("id -u; id -g; id -G; grep CapBnd /proc/self/status")
	s.UID = user()
	out, _, err = run(t, s)
	if got := strings.Join(strings.Fields(out), " "); err != nil || s.UID != 0 && got != "61999 61999 61999 CapBnd: 0000000000000000" {
		t.Errorf("%q, %v", got, err)
	}
}

// The restrictions are those of one thread: this process has none of them.
func TestLauncher_LeavesThisProcessAlone(t *testing.T) {
	restricted := func() map[string]bool { // threads
		tasks, err := filepath.Glob("/proc/self/task/*/status")
		if err != nil {
			t.Fatal(err)
		}
		list := map[string]bool{}
		for _, task := range tasks {
			if b, err := os.ReadFile(task); err == nil && strings.Contains(string(b), "NoNewPrivs:\t1") {
				list[task] = true
			}
		}
		return list
	}
	before := restricted() // of other tests, and about to end
	l, err := New(shell("true"))
	if err != nil {
		t.Fatal(err)
	}
	added := ""
	for task := range restricted() {
		if !before[task] {
			if added != "" || strings.Contains(task, fmt.Sprintf("/%d/", os.Getpid())) {
				t.Errorf("restricted are %s and %s", task, added)
			}
			added = task
		}
	}
	if added == "" {
		t.Error("no thread is restricted")
	}
	l.Close()
	await(t, "the thread ends", func() bool { return !restricted()[added] })
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// The thread takes the program's user for a moment, to limit it. Nothing of that
// stays: whoever has the user could signal this process.
func TestLauncher_KeepsItsOwnUser(t *testing.T) {
	s := shell("true")
	s.UID = user()
	if _, _, err := run(t, s); err != nil {
		t.Fatal(err)
	}
	tasks, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err == nil && strings.Contains(string(b), "\t61999") {
			t.Errorf("%s has the program's user: %s", task, b)
		}
	}
}

// What this process has open, has in its environment, and where it is, is not
// for the program; nor are descriptors that whoever started this process left open.
func TestLauncher_HandsOverNothingElse(t *testing.T) {
	t.Setenv("MINE", "secret")
	left, err := unix.Open(os.DevNull, unix.O_RDONLY, 0) // without close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(left)
	dir := t.TempDir()
	s := Spec{
		Path: "/bin/sh", Args: []string{"its name", "-c", "echo $0; pwd; env | grep -v -e PWD -e _= | sort; echo /proc/$$/fd/*; readlink /proc/self/fd/0; ps -o pgid= -p $$; echo $$"},
		Env: []string{"PATH=/usr/bin:/bin", "YOURS=a=b"}, Dir: dir, Write: []string{dir},
	}
	out, _, err := run(t, s)
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

// A restriction that fails is a start that fails, with its reason, and leaves no
// process behind.
func TestLauncher_ErrorsSayWhy(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]Spec{
		plain + ": permission denied":          {Path: plain, Args: []string{"plain"}, Dir: "/", Run: []string{plain}},
		`start in "/nowhere": fork/exec`:       {Path: "/bin/true", Args: []string{"true"}, Dir: "/nowhere"},
		"fork/exec /nowhere: no such file":     {Path: "/nowhere", Dir: "/"},
		"landlock /nowhere/in: no such file":   {Path: "/bin/true", Dir: "/", Run: []string{"/nowhere/in"}},
		"landlock /nowhere/at: no such file":   {Path: "/bin/true", Dir: "/", Write: []string{"/nowhere/at"}},
		"landlock /nowhere/from: no such file": {Path: "/bin/true", Dir: "/", Read: []string{"/nowhere/from"}},
	} {
		if !HasLandlock() && strings.HasPrefix(want, "landlock") {
			continue
		}
		p, err := start(t, s, nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", p, err, want)
		}
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("child %d is left, %v", pid, err)
	}
}

// Many threads restrict themselves, start processes and end at once.
func TestLauncher_ManyAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 25 {
				word := fmt.Sprint("word-", n, "-", i)
				out, state, err := run(t, Spec{Path: "/bin/echo", Args: []string{"echo", word}, Dir: "/", UID: user()})
				if err != nil || !state.Success() || out != word+"\n" {
					t.Errorf("%q, %v, %v", out, state, err)
				}
				runtime.GC()
			}
		})
	}
	all.Wait()
}

// The program and all that it starts are in the group from the beginning, and
// the thread that started it is not.
func TestLauncher_StartsInItsGroup(t *testing.T) {
	groups := cgroup.Open()
	defer groups.Close()
	if !groups.Has(cgroup.Tasks) {
		t.Log("not tested: no control groups can be made here")
		return
	}
	group, err := groups.New(cgroup.Limits{Tasks: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer group.Remove()
	entry, err := group.Entry()
	if err != nil {
		t.Fatal(err)
	}
	defer entry.Close()
	s := shell("grep -c fnstore- /proc/self/cgroup")
	s.Group, s.UID = entry, user()
	if out, _, err := run(t, s); err != nil || strings.TrimSpace(out) == "0" {
		t.Errorf("%q of its groups are ours, %v", out, err)
	}
	for _, dir := range groups.Folders(cgroup.Tasks) {
		if b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); err != nil || len(b) > 0 {
			t.Errorf("left in the group: %q, %v", b, err)
		}
	}
}

// With version 2 it is made in the group.
func TestLauncher_StartsInItsGroupOfVersion2(t *testing.T) {
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
		folder, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		s := shell("grep ^0: /proc/self/cgroup")
		s.Group, s.UID = &cgroup.Entry{Folder: folder}, user()
		if out, _, err := run(t, s); err != nil || !strings.HasSuffix(strings.TrimSpace(out), filepath.Base(dir)) {
			t.Errorf("it is in %q, %v", out, err)
		}
		return
	}
	t.Log("not tested: no control groups of version 2 are mounted here")
}

// The test binary is also a parent to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("LAUNCH_PARENT") != "" {
		l, err := New(Spec{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, Dir: "/", UID: user()})
		if err != nil {
			panic(err)
		}
		p, err := l.Start(nil, nil)
		if err != nil {
			panic(err)
		}
		fmt.Println(p.Pid)
		time.Sleep(time.Hour) // until it is killed
	}
	os.Exit(m.Run())
}

func TestLauncher_ProgramEndsWithItsParent(t *testing.T) {
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
	await(t, "the program ends", func() bool {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		// Z is one that waits for whoever collects orphans.
		return err != nil || string(comm) != "sleep\n" || strings.Contains(string(stat), ") Z ")
	})
}

func TestLauncher_CloseEndsTheProgram(t *testing.T) {
	l, err := New(Spec{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, Dir: "/", UID: user()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Start(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if state, err := p.Wait(); err != nil || state.String() != "signal: killed" {
		t.Errorf("%v, %v", state, err)
	}
}
