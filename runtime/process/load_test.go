package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"
)

// load is calls that come 200 times a second, whatever their answers take.
type load struct {
	calls atomic.Int64
	stop  func() int64 // ends it and tells how many calls there were
}

func (r *rig) load(t *testing.T, name string) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{}
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			all.Go(func() {
				if v, err := r.call(t.Context(), name, "/version", nil); err != nil || v == "" {
					t.Errorf("a call of %s met %q, %v", name, v, err)
				}
				l.calls.Add(1)
			})
		}
	})
	l.stop = func() int64 {
		cancel()
		all.Wait()
		return l.calls.Load()
	}
	return l
}

// more waits until so many further calls are answered.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	want := l.calls.Load() + n
	for deadline := time.Now().Add(time.Minute); l.calls.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d calls are missing", want-l.calls.Load())
		}
	}
}

// Seed: R25
func TestScaling_LosesNoCall(t *testing.T) {
	r := open(t, shortDir(t))
	version := func(n int) types.FunctionDeployment {
		return deployment("f", map[string]string{"VERSION": fmt.Sprint(n), "exec_timeout": "30s"})
	}
	r.deploy(t, version(1))
	r.get(t, "f", "/version")
	calls := r.load(t, "f")
	scale := func(n int) {
		t.Helper()
		if err := r.Scale(t.Context(), "f", n); err != nil {
			t.Fatal(err)
		}
		r.until(t, "f", "scaled", func(s types.FunctionStatus) bool { return s.AvailableReplicas == uint64(n) })
		calls.more(t, 50)
	}
	scale(5)
	scale(1)
	for n := 2; n <= 4; n++ {
		r.deploy(t, version(n))
		for r.get(t, "f", "/version") != fmt.Sprint(n) {
		}
		calls.more(t, 50)
	}
	scale(5)
	scale(1)
	for range 3 { // and asleep in the midst of it
		r.Rescale(time.Now().Add(time.Hour))
		calls.more(t, 20)
	}
	t.Logf("%d calls", calls.stop())
}

func TestInstance_KillingOneHurtsNoOther(t *testing.T) {
	r := open(t, shortDir(t))
	const victims = 3
	for i := range victims {
		r.deploy(t, deployment(fmt.Sprint("victim-", i), nil))
	}
	r.deploy(t, deployment("other", map[string]string{"VERSION": "1"}))
	bystander := r.pid(t, "other")
	calls := r.load(t, "other")
	random := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		pid := r.pid(t, fmt.Sprint("victim-", random.IntN(victims)))
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		gone(t, pid)
	}
	t.Logf("%d calls of the other function", calls.stop())
	if r.pid(t, "other") != bystander {
		t.Error("the other function was started anew")
	}
}
