package process

import (
	"slices"
	"sync"
	"sync/atomic"

	"fnstore/runtime/process/cgroup"
)

// release is one version of a function: its record, its binary, and the slots
// its processes live in.
type release struct {
	f      *function
	rec    record
	bin    Binary
	bounds cgroup.Bounds
	before atomic.Pointer[release] // serves until this one is ready

	mu    sync.Mutex
	slots atomic.Pointer[[]*slot] // never changed in place: calls read it without mu
	gone  sync.WaitGroup          // slots that were told to stop
	over  bool
}

func newRelease(f *function, rec record, bin Binary) *release {
	r := &release{f: f, rec: rec, bin: bin}
	r.bounds, _ = boundsOf(rec.Deployment) // it was read when it was deployed
	r.slots.Store(&[]*slot{})
	return r
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

// stop ends every slot and returns when no process is left.
func (r *release) stop() {
	r.mu.Lock()
	r.over = true
	for _, s := range *r.slots.Swap(&[]*slot{}) {
		s.cancel()
	}
	r.mu.Unlock()
	r.f.wake()
	r.gone.Wait()
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

// awaitReady returns when a process is ready, or when none will be: the release
// was stopped, or it shall have no processes.
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

// pick counts a call in at the ready process that has the fewest; while there
// is none, the release before serves.
func (r *release) pick() (*instance, bool) {
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
		if best == nil {
			break
		}
		if best.begin() {
			return best, true
		}
	}
	if before := r.before.Load(); before != nil {
		return before.pick()
	}
	return nil, false
}
