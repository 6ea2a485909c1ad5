package provider

import (
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"fnstore/runtime/secrets"
)

// release is one version of a function: its record, the program made of its
// image, and the slots its replicas live in.
type release struct {
	f         *function
	rec       record
	program   Program
	readiness Readiness
	before    atomic.Pointer[release] // serves until this one is ready

	maxInflight int64 // calls at once that each replica takes; 0: any number

	mu    sync.Mutex
	slots atomic.Pointer[[]*slot] // never changed in place: calls read it without mu
	gone  sync.WaitGroup          // slots that were told to stop
	over  bool
}

func newRelease(f *function, rec record, img Image) (*release, error) {
	limits, err := limitsOf(rec.Deployment)
	if err != nil {
		return nil, err
	}
	r := &release{f: f, rec: rec, maxInflight: maxInflight(rec.Deployment.EnvVars)}
	r.readiness, _ = ReadinessOf(rec.Deployment.Annotations) // roll has noted an error: the default is used
	r.slots.Store(&[]*slot{})
	spec := Spec{Deployment: rec.Deployment, Image: img, Limits: limits, Home: f.p.home(rec)}
	if f.p.backend.Users() {
		spec.UID = rec.UID
	}
	r.program, err = f.p.backend.Prepare(spec)
	if missing, ok := errors.AsType[*secrets.MissingError](err); ok && r.program != nil {
		f.writeLine(rec.Deployment.Service, "started all the same: "+missing.Error())
		slog.Warn("a function starts without a secret", "function", rec.Deployment.Service, "cause", missing)
		err = nil
	}
	return r, err
}

// maxInflight reads the variable as the function server does: what is no number
// bounds nothing.
func maxInflight(env map[string]string) int64 {
	n, err := strconv.ParseInt(env["max_inflight"], 10, 32)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// scale starts or stops slots until there are n.
func (r *release) scale(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	slots := slices.Clone(*r.slots.Load())
	for len(slots) < n {
		s := newSlot(r)
		slots = append(slots, s)
		r.gone.Go(s.run)
	}
	gone := slots[n:]
	slots = slots[:n:n]
	r.slots.Store(&slots)
	for _, s := range gone {
		s.cancel()
	}
}

// stop ends every slot and returns when no replica is left.
func (r *release) stop() {
	r.mu.Lock()
	r.over = true
	for _, s := range *r.slots.Swap(&[]*slot{}) {
		s.cancel()
	}
	r.mu.Unlock()
	r.f.wake()
	r.gone.Wait()
	r.program.Close()
}

func (r *release) ready() int {
	n := 0
	for _, s := range *r.slots.Load() {
		if s.live.Load() != nil {
			n++
		}
	}
	return n
}

// awaitReady returns when a replica is ready, or when none will be: the release
// was stopped, or it shall have no replicas.
func (r *release) awaitReady() {
	for {
		r.f.mu.Lock()
		changed := r.f.changed
		r.f.mu.Unlock()
		r.mu.Lock()
		none := r.over || len(*r.slots.Load()) == 0
		r.mu.Unlock()
		if none || r.ready() > 0 {
			return
		}
		<-changed
	}
}

// pick counts a call in at the ready replica that has the fewest; while none is
// ready, the release before serves. When each has as many calls as it takes, limit
// is that number.
func (r *release) pick() (p *instance, limit int64) {
	for {
		var best *instance
		var fewest int64
		for _, s := range *r.slots.Load() {
			p := s.live.Load()
			if p == nil {
				continue
			}
			if n := p.calls.Load(); n >= 0 && (best == nil || n < fewest) {
				best, fewest = p, n
			}
		}
		switch {
		case best == nil:
			if before := r.before.Load(); before != nil {
				return before.pick()
			}
			return nil, 0
		case r.maxInflight > 0 && fewest >= r.maxInflight:
			return nil, r.maxInflight
		case best.begin(r.maxInflight):
			return best, 0
		}
	}
}
