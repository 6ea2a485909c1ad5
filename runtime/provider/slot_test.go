package provider

import (
	"runtime"
	"testing"
	"time"

	"fnstore/kit/fault"
)

// One that had been ready is never kept waiting for long; one that never is
// waits longer each time.
func TestSlot_Pauses(t *testing.T) {
	for _, c := range []struct {
		served bool
		last   time.Duration
	}{{true, readyPause}, {false, lastPause}} {
		pause := pauseAfter(0, c.served, time.Second)
		if pause != firstPause {
			t.Errorf("the first is %s", pause)
		}
		for range 20 {
			next := pauseAfter(pause, c.served, time.Second)
			if next < pause || next > 2*pause {
				t.Errorf("%s after %s", next, pause)
			}
			pause = next
		}
		if pause != c.last {
			t.Errorf("served %t: the last is %s", c.served, pause)
		}
		if p := pauseAfter(pause, c.served, steady+1); p != 0 {
			t.Errorf("after a healthy one %s", p)
		}
	}
	if p := pauseAfter(lastPause, true, time.Second); p != readyPause {
		t.Errorf("once it was ready: %s", p)
	}
}

// Calls are held for a replica that will be there in a moment, and not for one
// that has a long pause before it.
func TestSlot_NobodyWaitsForWhatDoesNotStart(t *testing.T) {
	f := newFunction(&Provider{look: make(chan struct{}, 1)}, record{})
	f.scaler.scaling = defaultScaling
	r := &release{f: f}
	far, near := &slot{r: r}, &slot{r: r}
	r.slots.Store(&[]*slot{far, near})
	f.current.Store(r)
	f.setReplicas(2)
	at := func(s *slot, d time.Duration) { s.next.Store(time.Now().Add(d).UnixNano()) }

	at(far, time.Hour)
	at(near, time.Minute)
	_, _, err := f.acquire(t.Context())
	if e := fault.Of(err); e.Kind != fault.Unavailable || e.Code != "function_not_ready" || e.Wait > time.Minute || e.Wait < 50*time.Second {
		t.Errorf("%+v", e)
	}
	near.next.Store(0) // is being started
	held := make(chan error)
	go func() {
		_, _, err := f.acquire(t.Context())
		held <- err
	}()
	for f.held.Load() == 0 {
		runtime.Gosched()
	}
	near.live.Store(newInstance(nobody{}))
	f.wake()
	if err := <-held; err != nil {
		t.Error(err)
	}
	near.live.Store(nil)
	at(near, time.Minute) // it died again, and those who wait are told
	f.wake()
	if _, _, err := f.acquire(t.Context()); err == nil {
		t.Error("held")
	}
	if n := f.held.Load(); n != 0 {
		t.Errorf("%d are held", n)
	}
}
