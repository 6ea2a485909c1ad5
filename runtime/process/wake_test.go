package process

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/process/cgroup"
)

// However many callers wait for a function that sleeps, it is started once.
func TestFiftyCallersWakeItOnce(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("f", nil))
	pid := r.pid(t, "f")
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

// What is made ahead is nobody's function, is used, and is gone with the store.
func TestWhatIsPreparedIsUsedAndTakenAway(t *testing.T) {
	r := open(t, shortDir(t))
	groups := func() (list []string) {
		for _, c := range []string{cgroup.Memory, cgroup.CPU, cgroup.Tasks} {
			list = append(list, r.walls.groups.Folders(c)...)
		}
		return list
	}
	r.backend.prepare()
	r.backend.prepare() // one is enough
	ahead := groups()
	if n := entries(t, filepath.Join(r.dir, "sock")); n != 1 {
		t.Errorf("%d sockets", n)
	}
	if list, err := r.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("functions %v, %v", list, err)
	}
	r.deploy(t, deployment("f", nil))
	r.pid(t, "f")
	for _, dir := range ahead {
		if b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); err != nil || len(b) == 0 {
			t.Errorf("nobody is in %s: %q, %v", dir, b, err)
		}
	}
	r.Close()
	r.backend.prepare() // one that was about to comes too late
	if left := groups(); len(left) != 0 {
		t.Errorf("groups left: %v", left)
	}
	if n := entries(t, filepath.Join(r.dir, "sock")); n != 0 {
		t.Errorf("%d sockets left", n)
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
