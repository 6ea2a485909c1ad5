package process

import (
	"sync"
	"sync/atomic"
)

// release is one version of a function: its record, its binary, and the slots
// its processes live in.
type release struct {
	f      *function
	rec    record
	bin    Binary
	before atomic.Pointer[release] // serves until this one is ready

	mu    sync.Mutex
	slots []*slot
	gone  sync.WaitGroup // slots that were told to stop
	over  bool
}

func newRelease(f *function, rec record, bin Binary) *release {
	return &release{f: f, rec: rec, bin: bin}
}

// scale starts or stops slots until there are n.
func (r *release) scale(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	for len(r.slots) < n {
		s := newSlot(r)
		r.slots = append(r.slots, s)
		r.gone.Go(s.run)
	}
	for len(r.slots) > n {
		last := r.slots[len(r.slots)-1]
		r.slots = r.slots[:len(r.slots)-1]
		last.cancel()
	}
}

// stop ends every slot and returns when no process is left.
func (r *release) stop() {
	r.mu.Lock()
	r.over = true
	for _, s := range r.slots {
		s.cancel()
	}
	r.slots = nil
	r.mu.Unlock()
	r.f.wake()
	r.gone.Wait()
}

func (r *release) ready() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.slots {
		if s.live.Load() != nil {
			n++
		}
	}
	return n
}

// awaitReady returns when a process is ready, or when none will be: the release
// was stopped, or it shall have no processes.
func (r *release) awaitReady() {
	for {
		r.f.mu.Lock()
		changed := r.f.changed
		r.f.mu.Unlock()
		r.mu.Lock()
		none := r.over || len(r.slots) == 0
		r.mu.Unlock()
		if none || r.ready() > 0 {
			return
		}
		<-changed
	}
}

// pick counts a call in at the ready process that has the fewest; while there
// is none, the release before serves.
func (r *release) pick() (*instance, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var best *instance
	for _, s := range r.slots {
		p := s.live.Load()
		if p != nil && (best == nil || p.inflight.Load() < best.inflight.Load()) {
			best = p
		}
	}
	if best != nil && best.begin() {
		return best, true
	}
	if before := r.before.Load(); before != nil {
		return before.pick()
	}
	return nil, false
}
