package process

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"
	"golang.org/x/sys/unix"

	"fnstore/kit/fault"
	"fnstore/runtime/process/cgroup"
	"fnstore/runtime/process/launch"
)

// misbehave is what a function does before it serves, by mode.
func misbehave(mode string) {
	switch mode {
	case "hang":
		select {}
	case "exit":
		os.Exit(0)
	case "ignores signals":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	case "prints": // 100 MB, some of it one line, none of it text
		for range 100 {
			_, _ = os.Stdout.Write(bytes.Repeat([]byte{0, 0xff, '"', 0x1b, '['}, 200_000))
		}
		_, _ = os.Stdout.Write(bytes.Repeat([]byte{'\n', 0xfe}, 50_000))
	}
}

var grown [][]byte // what /grow has allocated

// hostile adds what a function may be asked to do that it should not.
func hostile() {
	http.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		b, _ := os.ReadFile("/proc/self/status")
		_, _ = w.Write(b)
	})
	http.HandleFunc("/limits", func(w http.ResponseWriter, _ *http.Request) {
		limits := map[string]uint64{}
		for name, what := range map[string]int{"files": unix.RLIMIT_NOFILE, "core": unix.RLIMIT_CORE, "filesize": unix.RLIMIT_FSIZE, "tasks": unix.RLIMIT_NPROC} {
			var l unix.Rlimit
			_ = unix.Getrlimit(what, &l)
			limits[name] = l.Max
		}
		_ = json.NewEncoder(w).Encode(limits)
	})
	http.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) {
		_, err := os.ReadFile(r.FormValue("path"))
		fmt.Fprint(w, err)
	})
	http.HandleFunc("/write", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, os.WriteFile(r.FormValue("path"), []byte("#!/bin/sh\n"), 0o755))
	})
	http.HandleFunc("/run", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, exec.Command(r.FormValue("path")).Run())
	})
	http.HandleFunc("/signal", func(w http.ResponseWriter, r *http.Request) {
		pid, _ := strconv.Atoi(r.FormValue("pid"))
		fmt.Fprint(w, syscall.Kill(pid, 0))
	})
	http.HandleFunc("/grow", func(http.ResponseWriter, *http.Request) {
		for range 64 {
			b := make([]byte, 8<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			grown = append(grown, b)
			runtime.Gosched()
		}
		time.Sleep(time.Minute) // the runtime may take a moment to notice
	})
	http.HandleFunc("/open", func(w http.ResponseWriter, _ *http.Request) {
		for n := range 10_000 {
			if _, err := syscall.Dup(1); err != nil {
				fmt.Fprint(w, n, " ", err)
				return
			}
		}
	})
	http.HandleFunc("/fork", func(w http.ResponseWriter, _ *http.Request) {
		for n := range 10_000 { // each leaves the process group too
			child := exec.Command("sleep", "1000")
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := child.Start(); err != nil {
				fmt.Fprint(w, n, " ", err)
				return
			}
			if n == 1000 {
				fmt.Fprint(w, "no end")
				return
			}
		}
	})
}

// processes are those that run the rig's functions, by their environment or by
// whose child they are: everything a user of functions runs.
func (r *rig) processes(t *testing.T) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range stats {
		if b, err := os.ReadFile(p); err == nil && bytes.Contains(b, []byte("HOME="+r.dir)) {
			pid, _ := strconv.Atoi(strings.Split(p, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// Whatever one function does, another serves on, and nothing of the first is
// left when it is deleted.
func TestHostile_FunctionsHurtNobodyElse(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("other", map[string]string{"VERSION": "1"}))
	bystander := r.pid(t, "other")
	calls := r.load(t, "other")
	noMore := "resource temporarily unavailable"
	if os.Geteuid() != 0 && !r.isolation.groups.Has(cgroup.Tasks) {
		noMore = "no end" // nothing bounds them, but still none shall be left
	}
	for _, c := range []struct {
		mode, path string
		want       string // in the answer or the error; empty for anything
	}{
		{"hang", "", ""},
		{"exit", "", ""},
		{"ignores signals", "/version", ""},
		{"prints", "/version", ""},
		{"serve", "/open", "too many open files"},
		{"serve", "/grow", "EOF"},
		{"serve", "/fork", noMore},
	} {
		d := deployment("hostile", map[string]string{"FN_MODE": c.mode, "exec_timeout": "100ms"})
		d.Limits = &types.FunctionResources{Memory: "128Mi"}
		r.deploy(t, d)
		if c.path != "" {
			got, err := r.call(t.Context(), "hostile", c.path, nil)
			if got := fmt.Sprint(got, err); !strings.Contains(got, c.want) {
				t.Errorf("%s %s: %q", c.mode, c.path, got)
			}
		}
		if err := r.Delete(t.Context(), "hostile"); err != nil {
			t.Fatal(err)
		}
		if left := r.processes(t); len(left) != 1 || left[0] != bystander {
			t.Errorf("%s %s leaves the processes %v", c.mode, c.path, left)
		}
	}
	t.Logf("%d calls of the other function", calls.stop())
	if r.pid(t, "other") != bystander {
		t.Error("the other function was started anew")
	}
}

// A function that takes more memory than it may is ended, and its log says why.
//
// Seed: R25
func TestLimits_TooMuchMemoryIsLogged(t *testing.T) {
	for name, watched := range map[string]bool{"by this machine's means": false, "by the watch": true} {
		t.Run(name, func(t *testing.T) {
			r := open(t, shortDir(t))
			if watched {
				r.isolation.memory = newMemoryWatch()
				r.isolation.groups.Close()
				r.isolation.groups = &cgroup.Groups{}
			}
			d := deployment("f", nil)
			d.Limits = &types.FunctionResources{Memory: "64Mi"}
			r.deploy(t, d)
			if env := r.get(t, "f", "/env"); !strings.Contains(env, fmt.Sprint("GOMEMLIMIT=", 64<<20/10*9)) {
				t.Errorf("environment %s", env)
			}
			if got, err := r.call(t.Context(), "f", "/grow", nil); err == nil {
				t.Errorf("it took 512 MiB of 64 and said %q", got)
			}
			r.logged(t, "f", "limit of")
			r.pid(t, "f") // and it is there again
		})
	}
}

// logged waits for the words in the function's log.
func (r *rig) logged(t *testing.T, name, words string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		log, err := os.ReadFile(filepath.Join(r.dir, "logs", name+".ndjson"))
		if strings.Contains(string(log), words) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %q in %s, %v", words, log, err)
		}
	}
}

// Seed: R25
func TestLimits_InvalidOnesAreRefused(t *testing.T) {
	r := open(t, shortDir(t))
	for _, l := range []types.FunctionResources{{Memory: "much"}, {Memory: "128m"}, {Memory: "1"}, {CPU: "fast"}, {CPU: "0"}} {
		d := deployment("f", nil)
		d.Limits = &l
		if err := r.Deploy(t.Context(), d); fault.Of(err).Code != "bad_limits" {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

func TestIsolation_OfAFunction(t *testing.T) {
	r := open(t, shortDir(t))
	if len(r.isolation.missing) > 0 {
		t.Logf("not on this machine: %q", r.isolation.missing)
	}
	r.deploy(t, deployment("other", nil))
	if err := r.secrets.Create("theirs", []byte("x")); err != nil {
		t.Fatal(err)
	}
	d := deployment("f", nil)
	d.Limits = &types.FunctionResources{Memory: "64Mi", CPU: "1500m"}
	r.deploy(t, d)

	status := r.get(t, "f", "/status")
	for _, want := range []string{"NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000"} {
		if !strings.Contains(status, want) && (os.Geteuid() == 0 || !strings.HasPrefix(want, "CapBnd")) {
			t.Errorf("no %q in its status %s", want, status)
		}
	}
	var limits map[string]uint64
	if err := json.Unmarshal([]byte(r.get(t, "f", "/limits")), &limits); err != nil {
		t.Fatal(err)
	}
	if limits["files"] > 8192 || limits["core"] != 0 || limits["filesize"] > 1<<30 || os.Geteuid() == 0 && !r.isolation.groups.Has(cgroup.Tasks) && limits["tasks"] > 512 {
		t.Errorf("limits %v", limits)
	}
	if !launch.HasLandlock() {
		return
	}
	var env []string
	if err := json.Unmarshal([]byte(r.get(t, "f", "/env")), &env); err != nil {
		t.Fatal(err)
	}
	home := ""
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "TMPDIR="); ok {
			home = v
		}
	}
	outside := filepath.Join(r.dir, "open-to-all")
	if err := os.WriteFile(outside, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(outside, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{"/write?path=" + home + "/mine", "<nil>"},
		{"/read?path=" + home + "/mine", "<nil>"},
		{"/run?path=" + home + "/mine", "permission denied"},
		{"/write?path=" + outside, "permission denied"},
		{"/read?path=" + outside, "permission denied"},
		{"/write?path=/tmp/fnstore-outside", "permission denied"},
		{"/write?path=/dev/null", "<nil>"},
		{"/read?path=/etc/hosts", "<nil>"},
		{"/read?path=" + filepath.Join(r.dir, "secrets", "theirs"), "permission denied"},
		{"/signal?pid=" + strconv.Itoa(r.pid(t, "other")), "operation not permitted"},
		{"/signal?pid=" + strconv.Itoa(os.Getpid()), "operation not permitted"},
	} {
		if got := r.get(t, "f", c.path); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: %s", c.path, got)
		}
	}
}

func entries(t *testing.T, dirs ...string) (n int) {
	t.Helper()
	for _, d := range dirs {
		list, err := os.ReadDir(d)
		if err != nil {
			t.Fatal(err)
		}
		n += len(list)
	}
	return n
}

// A hundred functions come and go, and nothing of them stays.
func TestDelete_LeavesNothing(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("other", nil))
	r.get(t, "other", "/version")
	cycle := func() {
		r.deploy(t, deployment("f", nil))
		r.get(t, "f", "/version")
		if err := r.Delete(t.Context(), "f"); err != nil {
			t.Fatal(err)
		}
	}
	type counts struct{ goroutines, files, processes int }
	seen := func() counts {
		dirs := []string{"/proc/self/fd"}
		for _, d := range []string{"functions", "run", "sock", "logs"} {
			dirs = append(dirs, filepath.Join(r.dir, d))
		}
		return counts{runtime.NumGoroutine(), entries(t, dirs...), len(r.processes(t))}
	}
	cycle()
	await(t, "the other's prewarmed sandbox", func() bool { return entries(t, filepath.Join(r.dir, "run", "other")) == 3 }) // secrets, and two sandboxes
	before := seen()
	for range 100 {
		cycle()
	}
	// What has ended may take a moment to be gone.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		now := seen()
		if now.goroutines <= before.goroutines && now.files <= before.files && now.processes <= before.processes {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("before %+v, after %+v", before, now)
		}
	}
}
