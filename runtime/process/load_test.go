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

// load calls the function 200 times a second, whatever the answers take, until
// stopped; it tells how many calls there were.
func (r *rig) load(t *testing.T, name string) (stop func() int64) {
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int64
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
				calls.Add(1)
				if v, err := r.call(t.Context(), name, "/version", nil); err != nil || v == "" {
					t.Errorf("a call of %s met %q, %v", name, v, err)
				}
			})
		}
	})
	return func() int64 {
		cancel()
		all.Wait()
		return calls.Load()
	}
}

func TestNoCallIsLostWhileItScalesAndChanges_R25(t *testing.T) {
	r := open(t, shortDir(t))
	version := func(n int) types.FunctionDeployment {
		return deployment("f", map[string]string{"VERSION": fmt.Sprint(n), "exec_timeout": "30s"})
	}
	r.deploy(t, version(1))
	r.get(t, "f", "/version")
	stop := r.load(t, "f")
	scale := func(n int) {
		t.Helper()
		if err := r.Scale(t.Context(), "f", n); err != nil {
			t.Fatal(err)
		}
		r.until(t, "f", "scaled", func(s types.FunctionStatus) bool { return s.AvailableReplicas == uint64(n) })
	}
	scale(5)
	scale(1)
	for n := 2; n <= 4; n++ {
		r.deploy(t, version(n))
		for r.get(t, "f", "/version") != fmt.Sprint(n) {
		}
	}
	scale(5)
	scale(1)
	for range 3 { // and asleep in the midst of it
		r.rescale(time.Now().Add(time.Hour))
		r.get(t, "f", "/version")
	}
	t.Logf("%d calls", stop())
}

func TestKillingOneFunctionHurtsNoOther(t *testing.T) {
	r := open(t, shortDir(t))
	const victims = 3
	for i := range victims {
		r.deploy(t, deployment(fmt.Sprint("victim-", i), nil))
	}
	r.deploy(t, deployment("other", map[string]string{"VERSION": "1"}))
	bystander := r.pid(t, "other")
	stop := r.load(t, "other")
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		pid := r.pid(t, fmt.Sprint("victim-", random.IntN(victims)))
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		gone(t, pid)
	}
	t.Logf("%d calls of the other function", stop())
	if r.pid(t, "other") != bystander {
		t.Error("the other function was started anew")
	}
}
