package provider

import (
	"net/http"

	"github.com/openfaas/faas-provider/types"
)

// Taken is a replica that a call was counted in at.
type Taken struct {
	f *function
	r *release
	p *instance
}

// Take finds a replica that is ready and that calls reach by a unix socket, and
// counts a call in until Release. It never waits: ok is false when there is none
// now, the function is not known, or fits says no to what was deployed. A call
// that was not to come keeps no function awake; one that sleeps begins to wake up,
// since whoever asks goes on to Acquire.
//
// When the replica with the fewest calls has as many of Take's as its
// max_inflight allows, it would refuse one more, and full is that number. Calls
// of Acquire are not looked at for that: their callers may see the end of an
// answer before it is counted.
func (p *Provider) Take(name string, fits func(*types.FunctionDeployment) bool) (t Taken, full int64, ok bool) {
	f := (*p.functions.Load())[name]
	if f == nil {
		return t, 0, false
	}
	r := f.current.Load()
	if r == nil || !fits(&r.rec.Deployment) {
		return t, 0, false
	}
	if f.replicas.Load() == 0 {
		go f.rouse() // it may have to wait for who changes the function
		return t, 0, false
	}
	i, ok := r.pick()
	if !ok {
		return t, 0, false
	}
	f.begin() // one that is refused is wanted as well
	t = Taken{f, r, i}
	taken := i.taken.Add(1)
	switch {
	case t.Socket() == "":
		t.Release()
		return t, 0, false
	case r.maxInflight > 0 && taken > r.maxInflight:
		t.Release()
		return t, r.maxInflight, false
	}
	return t, 0, true
}

// Socket is the path of the socket that the replica listens at.
func (t Taken) Socket() string {
	if s, ok := t.p.transport.(interface{ Socket() string }); ok {
		return s.Socket()
	}
	return ""
}

// Transport reaches the replica as Acquire's does.
func (t Taken) Transport() http.RoundTripper { return t.p.transport }

// Deployment is what was deployed last, and is not to be changed.
func (t Taken) Deployment() *types.FunctionDeployment { return &t.r.rec.Deployment }

// Release counts the call out.
func (t Taken) Release() {
	t.p.taken.Add(-1)
	t.p.done()
	t.f.end()
}
