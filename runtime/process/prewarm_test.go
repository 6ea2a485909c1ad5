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
	"fnstore/runtime/provider"
)

// However many callers wait for a function that sleeps, it is started once.
func TestScaling_FiftyCallersStartOneProcess(t *testing.T) {
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

// The prewarmed sandbox is used by the next process, made again when somebody
// removed it, and gone with the function.
func TestPrewarm_IsUsedAndRemoved(t *testing.T) {
	r := open(t, shortDir(t))
	groups := func() (list []string) {
		for _, c := range []string{cgroup.Memory, cgroup.CPU, cgroup.Tasks} {
			list = append(list, r.isolation.groups.Folders(c)...)
		}
		return list
	}
	home := filepath.Join(r.dir, "run", "f")
	// atZero gives the folder that is left when the function is scaled to zero.
	atZero := func() string {
		t.Helper()
		pid := r.pid(t, "f")
		await(t, "a prewarmed sandbox", func() bool { return entries(t, home) == 3 }) // secrets, and two sandboxes
		if err := r.Scale(t.Context(), "f", 0); err != nil {
			t.Fatal(err)
		}
		gone(t, pid)
		await(t, "the end of the used one", func() bool { return entries(t, home) == 2 })
		left, err := filepath.Glob(filepath.Join(home, "[0-9]*"))
		if err != nil || len(left) != 1 {
			t.Fatalf("sandboxes %v, %v", left, err)
		}
		return left[0]
	}
	r.deploy(t, deployment("f", nil))
	prewarmed := atZero()
	theirs := groups()
	if got := r.get(t, "f", "/env"); !strings.Contains(got, `"TMPDIR=`+prewarmed+`"`) {
		t.Errorf("it does not run in %s: %s", prewarmed, got)
	}
	for _, dir := range theirs {
		if b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); err != nil || len(b) == 0 {
			t.Errorf("nobody is in %s: %q, %v", dir, b, err)
		}
	}
	if err := os.RemoveAll(atZero()); err != nil {
		t.Fatal(err)
	}
	atZero() // it was started
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
func TestLimits_TinyMemoryHurtsNobodyElse(t *testing.T) {
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

// A process that ends before it accepts leaves the connections to it in the
// socket's queue. When that is full the next one is started all the same.
func TestListener_FullQueueIsNoObstacle(t *testing.T) {
	r := open(t, shortDir(t))
	image, err := r.backend.Fetch(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	program, err := r.backend.Prepare(provider.Spec{Deployment: deployment("f", nil), Image: image, Home: filepath.Join(r.dir, "run", "f")})
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	supervisor, err := program.Supervisor("f-1")
	if err != nil {
		t.Fatal(err)
	}
	defer supervisor.Close()
	l := supervisor.(*listener)
	if err := unix.Listen(int(l.calls.file.Fd()), 3); err != nil { // a short queue
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		c, err := net.Dial("unix", l.calls.path)
		if err != nil {
			break
		}
		_ = c.Close()
		if n == 100 {
			t.Fatal("the queue has no end")
		}
	}
	p, err := supervisor.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AwaitReady(t.Context(), provider.Readiness{StartTimeout: time.Minute}); err != nil {
		t.Error(err)
	}
	p.Stop(time.Minute)
}
