package provider

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fill takes every place that there is.
func fill(t *testing.T, p *Provider, n int) (releases []func()) {
	t.Helper()
	for range n {
		_, release, err := p.Acquire(t.Context(), "f")
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	return releases
}

// A call more than the replicas take does not reach one, and counts as wanted.
func TestAcquire_DoesNotAskAFullFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f := serving(2, 2)
		releases := fill(t, p, 4)
		for _, s := range *f.current.Load().slots.Load() {
			if n := s.live.Load().calls.Load(); n != 2 {
				t.Errorf("a replica has %d calls", n)
			}
		}
		begun := time.Now()
		_, _, err := p.Acquire(t.Context(), "f")
		var full interface{ MaxInflight() int64 }
		if !errors.As(err, &full) || full.MaxInflight() != 2 || time.Since(begun) != placeTimeout {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if open, peak := f.open.Load(), f.peak.Load(); open != 4 || peak != 5 {
			t.Errorf("%d calls are open, %d were wanted", open, peak)
		}
		releases[0]()
		releases[0]() // frees one place, however often it is called
		fill(t, p, 1)
		if _, _, err := p.Acquire(t.Context(), "f"); !errors.As(err, &full) {
			t.Errorf("a place was freed twice: %v", err)
		}
	})
}

// One call waits for a place, and those that come meanwhile are refused at once.
func TestAcquire_OneCallWaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f := serving(1, 1)
		release := fill(t, p, 1)[0]
		got := make(chan error)
		go func() {
			_, release, err := p.Acquire(t.Context(), "f")
			if err == nil {
				release()
			}
			got <- err
		}()
		synctest.Wait()
		begun := time.Now()
		for range 3 {
			var full fullError
			if _, _, err := p.Acquire(t.Context(), "f"); !errors.As(err, &full) {
				t.Errorf("a second one: %v", err)
			}
		}
		if time.Since(begun) != 0 {
			t.Error("a second one has waited")
		}
		time.Sleep(placeTimeout / 2)
		release()
		if err := <-got; err != nil {
			t.Error(err)
		}
		if time.Since(begun) != placeTimeout/2 || f.open.Load() != 0 {
			t.Errorf("it went on after %v, %d are open", time.Since(begun), f.open.Load())
		}
	})
}

// Who waits does so no longer than its own time.
func TestAcquire_AWaitEndsWithItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f := serving(1, 1)
		fill(t, p, 1)
		ctx, cancel := context.WithTimeout(t.Context(), placeTimeout/4)
		defer cancel()
		begun := time.Now()
		if _, _, err := p.Acquire(ctx, "f"); err == nil || time.Since(begun) != placeTimeout/4 {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if f.open.Load() != 1 || f.waits.Load() {
			t.Errorf("%d are open, one waits: %t", f.open.Load(), f.waits.Load())
		}
	})
}

// Whatever comes at once, a replica never has more calls than it takes, and every
// place is given back.
func TestAcquire_NoReplicaHasMoreThanItTakes(t *testing.T) {
	p, f := serving(3, 2)
	var under atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 300 {
				_, release, err := p.Acquire(t.Context(), "f")
				if err != nil {
					continue
				}
				if n := under.Add(1); n > 6 {
					t.Errorf("%d at once", n)
				}
				under.Add(-1)
				release()
			}
		})
	}
	all.Wait()
	fill(t, p, 6)
	if f.open.Load() != 6 {
		t.Errorf("%d are open", f.open.Load())
	}
}

func TestMaxInflight_IsReadAsTheFunctionServerDoes(t *testing.T) {
	for v, want := range map[string]int64{"": 0, "0": 0, "7": 7, "-1": 0, "many": 0, "99999999999": 0} {
		if got := maxInflight(map[string]string{"max_inflight": v}); got != want {
			t.Errorf("%q is %d, want %d", v, got, want)
		}
	}
}
