package process

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"
	"golang.org/x/sys/unix"

	"fnstore/runtime/process/cgroup"
)

// However many callers wait for a function that sleeps, it is started once.
func TestFiftyCallersWakeItOnce(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("f", nil))
	pid := r.pid(t, "f")
	r.logged(t, "f", "serving")
	if err := r.Scale(t.Context(), "f", 0); err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
	log := func() string {
		b, err := os.ReadFile(filepath.Join(r.dir, "logs", "f.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := strings.Count(log(), "serving")
	var all sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]int{}
	for range 50 {
		all.Go(func() {
			got, err := r.call(t.Context(), "f", "/pid", nil)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[got]++
		})
	}
	all.Wait()
	if len(answers) != 1 {
		t.Errorf("the answers of processes: %v", answers)
	}
	if n := strings.Count(log(), "serving") - before; n > 1 { // the line may be on its way
		t.Errorf("%d starts", n)
	}
}

// What is made ahead is used by the next process, can be missed, and is gone with
// the function.
func TestWhatIsMadeAheadIsUsedAndTakenAway(t *testing.T) {
	r := open(t, shortDir(t))
	groups := func() (list []string) {
		for _, c := range []string{cgroup.Memory, cgroup.CPU, cgroup.Tasks} {
			list = append(list, r.walls.groups.Folders(c)...)
		}
		return list
	}
	home := filepath.Join(r.dir, "run", "f")
	asleep := func() (beds []string) {
		t.Helper()
		pid := r.pid(t, "f")
		await(t, "something made ahead", func() bool { return entries(t, home) == 3 && entries(t, filepath.Join(r.dir, "sock")) == 2 }) // secrets, and two beds
		if err := r.Scale(t.Context(), "f", 0); err != nil {
			t.Fatal(err)
		}
		gone(t, pid)
		await(t, "the end of what was used", func() bool { return entries(t, home) == 2 })
		beds, err := filepath.Glob(filepath.Join(home, "[0-9]*"))
		if err != nil || len(beds) != 1 {
			t.Fatalf("beds %v, %v", beds, err)
		}
		return beds
	}
	r.deploy(t, deployment("f", nil))
	bed := asleep()[0]
	ahead := groups()
	if got := r.get(t, "f", "/env"); !strings.Contains(got, `"TMPDIR=`+bed+`"`) {
		t.Errorf("it does not run in %s: %s", bed, got)
	}
	for _, dir := range ahead {
		if b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); err != nil || len(b) == 0 {
			t.Errorf("nobody is in %s: %q, %v", dir, b, err)
		}
	}
	if err := os.RemoveAll(asleep()[0]); err != nil {
		t.Fatal(err)
	}
	asleep() // it has been woken
	if err := r.Delete(t.Context(), "f"); err != nil {
		t.Fatal(err)
	}
	if left := groups(); len(left) != 0 {
		t.Errorf("groups left: %v", left)
	}
	r.Close()
	if n := entries(t, filepath.Join(r.dir, "sock")); n != 0 {
		t.Errorf("%d sockets left", n)
	}
}

// await waits for what gives no sign when it happens.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still waiting for " + what)
		}
	}
}

// A function whose limit is too small for its own environment cannot be
// started, and who starts it shares its memory with it until then: neither the
// store nor another function comes to harm.
func TestATinyLimitHurtsNobodyElse(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("other", nil))
	bystander := r.pid(t, "other")
	env := map[string]string{}
	for _, k := range []string{"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"} {
		env[k] = strings.Repeat("x", 120<<10) // of the 128 KiB that one may have
	}
	d := deployment("f", env)
	d.Limits = &types.FunctionResources{Memory: "1Mi"}
	r.deploy(t, d)
	r.logged(t, "f", "starting again")
	if r.pid(t, "other") != bystander {
		t.Error("the other function was started anew")
	}
}

// Every process that ends before it accepts leaves the question that it was asked
// in its listener's queue. When that is full the next one is asked once it
// accepts, and started all the same.
func TestAFullQueueIsAskedLater(t *testing.T) {
	all := sockets(shortDir(t))
	s, made, err := all.take()
	if err != nil || made || s.asked == nil {
		t.Fatal(s, made, err)
	}
	defer s.Close()
	const most = 100
	if err := s.descriptor(func(fd int) error { return unix.Listen(fd, 3) }); err != nil { // a short queue
		t.Fatal(err)
	}
	var left []net.Conn
	for s.asked != nil && len(left) < most {
		left = append(left, s.asked)
		s.asked = nil
		s.ask()
	}
	if len(left) == most {
		t.Fatal("the queue has no end")
	}
	for _, c := range left {
		_ = c.Close()
	}
	for range left {
		c, err := s.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	if s.ask(); s.asked == nil {
		t.Error("it is not asked any more")
	}
}
