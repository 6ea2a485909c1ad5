package provider

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/forward"
)

// reached is a replica with a way to it.
type reached struct {
	nobody
	to http.RoundTripper
}

func (r reached) Transport() http.RoundTripper { return r.to }

// serving is a provider of one function, f, with replicas that are reached so.
func serving(ways ...http.RoundTripper) (*Provider, *function) {
	f := newFunction(&Provider{look: make(chan struct{}, 1)}, record{})
	f.scaler.scaling = usual
	r := &release{f: f}
	var slots []*slot
	for _, way := range ways {
		s := &slot{r: r}
		s.live.Store(newInstance(reached{to: way}))
		slots = append(slots, s)
	}
	r.slots.Store(&slots)
	f.current.Store(r)
	f.setReplicas(len(slots))
	functions := map[string]*function{"f": f}
	f.p.functions.Store(&functions)
	return f.p, f
}

func anyone(*types.FunctionDeployment) bool { return true }

// A call that is taken counts until it is released, as one that was acquired.
func TestATakenReplicaIsCounted(t *testing.T) {
	p, f := serving(forward.ToSocket("/a"), forward.ToSocket("/b"))
	first, _, ok := p.Take("f", anyone)
	second, _, also := p.Take("f", anyone)
	if !ok || !also || first.Socket() == second.Socket() || f.open.Load() != 2 || f.peak.Load() != 2 {
		t.Fatalf("%v %v, %d open", ok, also, f.open.Load())
	}
	first.Release()
	if third, _, ok := p.Take("f", anyone); !ok || third.Socket() != first.Socket() {
		t.Error("the one with the fewest calls was not taken")
	}
	if f.used.Load() == 0 || f.open.Load() != 2 {
		t.Errorf("used %d, %d open", f.used.Load(), f.open.Load())
	}
}

// There is nothing to take of who sleeps, is on its way out, is reached in
// another way, or is not there; and nothing stays counted.
func TestWhatCannotBeTaken(t *testing.T) {
	dial := func(context.Context) (net.Conn, error) { return nil, net.ErrClosed }
	for name, to := range map[string]http.RoundTripper{"by an address": forward.To(dial), "by somebody else's transport": http.DefaultTransport} {
		p, f := serving(to)
		if _, _, ok := p.Take("f", anyone); ok || f.open.Load() != 0 {
			t.Errorf("%s: %v, %d open", name, ok, f.open.Load())
		}
	}
	p, f := serving(forward.ToSocket("/a"))
	if _, _, ok := p.Take("g", anyone); ok {
		t.Error("an unknown function was taken")
	}
	(*f.current.Load().slots.Load())[0].live.Load().drain()
	if _, _, ok := p.Take("f", anyone); ok || f.open.Load() != 0 {
		t.Error("one that drains was taken")
	}
	p, f = serving(forward.ToSocket("/a"))
	if _, _, ok := p.Take("f", func(*types.FunctionDeployment) bool { return false }); ok || f.used.Load() != 0 || f.peak.Load() != 0 {
		t.Error("one whose calls are not carried was taken, or kept awake")
	}
	f.setReplicas(0)
	if _, _, ok := p.Take("f", anyone); ok || f.open.Load() != 0 {
		t.Error("one that sleeps was taken")
	}
	for begun := time.Now(); f.replicas.Load() != 1; time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("it sleeps on")
		}
	}
	f.current.Store(nil)
	if _, _, ok := p.Take("f", anyone); ok {
		t.Error("one without a release was taken")
	}
}

// One call more than its replicas take is refused here, and counts as wanted.
func TestWhoIsFullIsNotAsked(t *testing.T) {
	p, f := serving(forward.ToSocket("/a"), forward.ToSocket("/b"))
	f.current.Load().maxInflight = maxInflight(map[string]string{"max_inflight": "2"})
	var all []Taken
	for range 4 {
		taken, full, ok := p.Take("f", anyone)
		if !ok || full != 0 {
			t.Fatalf("%v %d after %d", ok, full, len(all))
		}
		all = append(all, taken)
	}
	if _, full, ok := p.Take("f", anyone); ok || full != 2 || f.open.Load() != 4 || f.peak.Load() != 5 {
		t.Errorf("%v %d, %d open, %d at most", ok, full, f.open.Load(), f.peak.Load())
	}
	all[3].Release()
	if _, _, ok := p.Take("f", anyone); !ok {
		t.Error("a place that is free was not taken")
	}
	for v, want := range map[string]int64{"": 0, "0": 0, "7": 7, "-1": 0, "many": 0, "99999999999": 0} {
		if got := maxInflight(map[string]string{"max_inflight": v}); got != want {
			t.Errorf("%q is %d, want %d", v, got, want)
		}
	}
}
