package provider

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"fnstore/kit/fault"
)

// acquire reserves a place in the ready replica with the fewest calls, or waits
// for one. The call counts as open from here on: a function with an open call
// never sleeps.
func (f *function) acquire(ctx context.Context) (http.RoundTripper, func(), error) {
	f.begin()
	p, limit := f.pick()
	err := error(nil)
	if p == nil && limit == 0 {
		p, limit, err = f.await(ctx)
	}
	if p == nil && err == nil {
		p, err = f.awaitPlace(ctx, limit)
	}
	if err != nil {
		f.end()
		return nil, nil, err
	}
	var released atomic.Bool
	return p.transport, func() {
		if released.CompareAndSwap(false, true) {
			p.done()
			f.placeFreed()
			f.end()
		}
	}, nil
}

// begin counts a call in.
func (f *function) begin() {
	open := f.open.Add(1)
	for peak := f.peak.Load(); open > peak && !f.peak.CompareAndSwap(peak, open); {
		peak = f.peak.Load()
	}
	if open > int64(f.most.Load()) {
		f.p.lookSoon()
	}
}

// end counts a call out.
func (f *function) end() {
	f.used.Store(time.Now().UnixNano())
	f.open.Add(-1)
}

// await holds a call until a replica is ready, and wakes the function if it
// sleeps. It returns what pick does then.
func (f *function) await(ctx context.Context) (p *instance, limit int64, err error) {
	defer f.held.Add(-1)
	if f.held.Add(1) > MaxHeld {
		return nil, 0, fault.New(fault.Unavailable, "too_many_held", "too many calls wait for this function to start")
	}
	late := time.NewTimer(HoldTimeout)
	defer late.Stop()
	for {
		f.mu.Lock()
		changed, closed := f.changed, f.closed
		f.mu.Unlock()
		if closed {
			return nil, 0, fault.New(fault.Unavailable, "function_stopping", "the function is being stopped")
		}
		if p, limit := f.pick(); p != nil || limit > 0 {
			return p, limit, nil
		}
		if f.replicas.Load() == 0 {
			f.rouse()
			continue
		}
		if wait := f.pausing(time.Now()); wait > impatient {
			return nil, 0, fault.New(fault.Unavailable, "function_not_ready", "the function ends as soon as it is started: see its log").After(wait)
		}
		select {
		case <-changed:
		case <-late.C:
			return nil, 0, fault.New(fault.Unavailable, "function_not_ready", "the function did not become ready: see its log")
		case <-ctx.Done():
			return nil, 0, fault.New(fault.Timeout, "function_not_ready", "the function did not become ready in time").Because(ctx.Err())
		}
	}
}

// pausing is how long it is until the first replica is started again; 0 when one
// is starting already.
func (f *function) pausing(now time.Time) time.Duration {
	r := f.current.Load()
	if r == nil {
		return 0
	}
	wait := time.Duration(0)
	for i, s := range *r.slots.Load() {
		next := s.next.Load()
		if next == 0 {
			return 0
		}
		if d := time.Unix(0, next).Sub(now); i == 0 || d < wait {
			wait = d
		}
	}
	return wait
}

// pick counts a call in at a replica of the release that serves. Without an
// instance no replica is ready, or, when limit is not 0, each has as many calls
// as it takes. It takes no lock: every call comes through here.
func (f *function) pick() (p *instance, limit int64) {
	r := f.current.Load()
	if r == nil || f.replicas.Load() == 0 {
		return nil, 0
	}
	return r.pick()
}
