package chaos

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/tests/chaos/actors"
	"fnstore/tests/chaos/load"
)

// traffic is calls of a function, most of them short and some long, until it is
// ended.
type traffic struct {
	end     context.CancelFunc
	callers sync.WaitGroup
	calls   [2][]load.Call
	ended   atomic.Int64
}

// call begins 200 calls a second, 20 of which take 300 ms.
func call(t *testing.T, name string) *traffic {
	ctx, end := context.WithCancel(t.Context())
	f := &traffic{end: end}
	for i, p := range []load.Plan{
		{Rate: 180, Request: load.Post("/function/"+name, "{}")},
		{Rate: 20, Request: load.Post("/function/"+name+"?ms=300", "{}")},
	} {
		p.Address, p.Conns, p.Ended = stage.Address(), 200, &f.ended
		f.callers.Go(func() { f.calls[i] = load.Run(ctx, p, time.Hour) })
	}
	return f
}

// more waits until so many further calls were answered.
func (f *traffic) more(t *testing.T, n int64) {
	t.Helper()
	want := f.ended.Load() + n
	for deadline := time.Now().Add(time.Minute); f.ended.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d calls are missing", want-f.ended.Load())
		}
	}
}

// over ends the calls and fails when one of them was not answered 2xx.
func (f *traffic) over(t *testing.T, what string) {
	t.Helper()
	f.end()
	f.callers.Wait()
	for i, kind := range []string{"short", "long"} {
		tally := load.Count(f.calls[i])
		t.Logf("%s calls: %s; longest %s", kind, tally, load.Quantile(load.Times(f.calls[i]), 1))
		if tally.OK != tally.Calls {
			t.Errorf("%s lost %s calls: %s", what, kind, tally)
		}
		if tally.Calls == 0 {
			t.Errorf("there were no %s calls", kind)
		}
	}
}

// version waits until the function answers as this version.
func version(t *testing.T, name, want string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		_, body, err := stage.Say(name)
		if err == nil && strings.Contains(body, "version="+want+" ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not version %s: %q %v", want, body, err)
		}
	}
}

// New versions, rollbacks, new values of a secret, more and fewer processes,
// several in a row: no caller notices.
//
// Seed: R25, R93
func TestRoll_ChangesLoseNoCall(t *testing.T) {
	const name, some = "changing", 60
	must(t, stage.System(http.MethodPost, "/system/secrets", types.Secret{Name: "chaos-key", Value: "v0"}, nil))
	t.Cleanup(func() {
		must(t, stage.System(http.MethodDelete, "/system/secrets", types.Secret{Name: "chaos-key"}, nil))
	})
	deploy := func(v int) {
		d := actors.Function(name, stage.Probe, "version", fmt.Sprint(v))
		d.Secrets = []string{"chaos-key"}
		must(t, stage.Deploy(d))
	}
	deploy(0)
	drop(t, name)
	must(t, stage.Await(name, 1))
	version(t, name, "0")

	f := call(t, name)
	changes := map[string]int{}
	for n := range of(1, 10) {
		for v := 3*n + 1; v <= 3*n+3; v++ {
			deploy(v)
			if v%3 == 2 {
				deploy(v + 100) // before the one before is there
				version(t, name, fmt.Sprint(v+100))
				changes["deployments"] += 2
				f.more(t, some)
				continue
			}
			version(t, name, fmt.Sprint(v))
			changes["deployments"]++
			f.more(t, some)
		}
		must(t, stage.System(http.MethodPost, "/system/rollback", map[string]string{"functionName": name}, nil))
		version(t, name, fmt.Sprint(3*n+2+100))
		changes["rollbacks"]++
		f.more(t, some)
		value := fmt.Sprint("v", n+1)
		must(t, stage.System(http.MethodPut, "/system/secrets", types.Secret{Name: "chaos-key", Value: value}, nil))
		for deadline := time.Now().Add(time.Minute); ; {
			if _, body, err := stage.Say(name + "?secret=chaos-key"); err == nil && strings.Contains(body, "secret="+value+"<nil>") {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("the new secret does not arrive: %q %v", body, err)
			}
		}
		changes["new secrets"]++
		for _, replicas := range []int{5, 2, 8, 1} {
			must(t, stage.Scale(name, replicas))
			must(t, stage.Await(name, replicas))
			changes["scalings"]++
			f.more(t, some)
		}
		must(t, stage.Scale(name, 0)) // and a call in the midst of it wakes it
		must(t, stage.Await(name, 1))
		changes["sleeps"]++
		f.more(t, some)
	}
	t.Logf("changes: %v", changes)
	f.over(t, "changing it")
}
