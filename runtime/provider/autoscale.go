package provider

import "time"

// scaler decides how many replicas a function shall have. It has no clock and
// changes nothing: it is told what was seen, and when.
type scaler struct {
	scaling
	low  time.Time // since when fewer would do; zero when they would not
	most int       // that were needed since
}

// demand is what was seen of a function's calls.
type demand struct {
	now  time.Time
	used time.Time // the end of the last call
	open int       // calls that run or wait
	peak int       // the most of them at once since the last look
}

// decide gives how many replicas there shall be and when to look again at the
// latest; 0 is not before a call wakes the function. More are had at once,
// fewer after a delay: a replica too many costs memory, one too few costs
// somebody's time.
func (s *scaler) decide(replicas int, d demand) (n int, again time.Duration) {
	if replicas == 0 {
		return 0, 0
	}
	if s.zero {
		again = s.idle
		if d.open == 0 {
			again -= d.now.Sub(d.used)
		}
		if again <= 0 {
			s.low = time.Time{}
			return 0, 0
		}
	}
	need := (max(d.peak, d.open) + s.target - 1) / s.target
	need = min(max(need, s.min), s.max)
	if need >= replicas {
		s.low = time.Time{}
		return need, again
	}
	if s.low.IsZero() {
		s.low, s.most = d.now, need
	}
	s.most = max(s.most, need)
	left := s.down - d.now.Sub(s.low)
	if left <= 0 {
		s.low = time.Time{}
		return s.most, again
	}
	left = min(left, max(s.down/4, time.Second)) // a burst in between shall be noticed about when it was
	if again > 0 {
		left = min(left, again)
	}
	return replicas, left
}

// autoscale looks when a function asks for it and when one may have had too
// many replicas for long enough. While all of them sleep it sleeps too.
func (p *Provider) autoscale() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-p.look:
		case <-timer.C:
		case <-p.done:
			return
		}
		timer.Stop()
		if again := p.Rescale(time.Now()); again > 0 {
			timer.Reset(again)
		}
	}
}

// lookSoon makes autoscale look. It never waits.
func (p *Provider) lookSoon() {
	select {
	case p.look <- struct{}{}:
	default: // it will look anyway
	}
}

// Rescale gives every function the replicas it needs at that time and tells when
// to look again at the latest, 0 for never. The provider does it by itself; it
// is for those whose clock is another.
func (p *Provider) Rescale(now time.Time) (again time.Duration) {
	for _, f := range *p.functions.Load() {
		if a := f.rescale(now); a > 0 && (again == 0 || a < again) {
			again = a
		}
	}
	return again
}

func (f *function) rescale(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.current.Load()
	if f.closed || r == nil {
		return 0
	}
	have := int(f.replicas.Load())
	open := int(f.open.Load())
	n, again := f.scaler.decide(have, demand{
		now: now, used: time.Unix(0, f.used.Load()), open: open, peak: int(f.peak.Swap(int64(open))),
	})
	switch {
	case n == have:
		return again
	case n == 0 && r.before.Load() != nil:
		return f.scaler.idle // an update that is not ready: the release before serves on
	}
	f.replicas.Store(int32(n))
	// A call that comes in now either sees the 0 and waits for mu, or is seen here.
	if n == 0 && f.open.Load() > 0 {
		f.replicas.Store(int32(have))
		return f.scaler.idle
	}
	f.setReplicas(n)
	r.scale(n)
	f.wakeLocked()
	return again
}
