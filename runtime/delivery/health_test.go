package delivery

import (
	"math/rand/v2"
	"testing"
	"time"

	"fnstore/kit/queue/circuit"
)

// One bad message, however often it fails, opens no circuit.
//
// Seed: B40
func TestHealth_OnePoisonMessage(t *testing.T) {
	h := newHealth(time.Now())
	for range 1000 {
		if h.fail(1) {
			t.Fatal("one message opened the circuit")
		}
	}
}

func TestHealth_TripsOnce(t *testing.T) {
	h := newHealth(time.Now())
	trips := 0
	for i := range int64(100) {
		if h.fail(i) {
			trips++
			if i+1 != tripAfter {
				t.Errorf("after %d failures", i+1)
			}
		}
	}
	if trips != 1 || !h.open {
		t.Errorf("%d trips, open %t", trips, h.open)
	}
	if !h.ok() || h.ok() {
		t.Error("it is mended once")
	}
	for i := range int64(tripAfter - 1) {
		h.fail(i)
	}
	h.ok()
	for i := range int64(tripAfter - 1) {
		if h.fail(i) {
			t.Error("a success between counts")
		}
	}
}

// A simulated hour of a function that always fails, without any circuit: what
// the budget alone lets through.
func TestHealth_Budget(t *testing.T) {
	now := time.Now()
	h := newHealth(now)
	arrivals, calls := 0, 0
	var waiting []int64
	for range 3600 {
		now = now.Add(time.Second)
		for range 5 {
			arrivals++
			calls++
			h.began()
			h.fail(int64(arrivals))
			waiting = append(waiting, int64(arrivals))
		}
		for range 50 { // many more are due than may be
			if len(waiting) > 0 && h.mayRetry(now) && h.share >= 0.5 {
				calls++
				h.fail(waiting[rand.N(len(waiting))])
			}
		}
	}
	if float64(calls) > 1.1*float64(arrivals)+retryReserve+60 { // one a minute comes back
		t.Errorf("%d calls of %d arrivals", calls, arrivals)
	}
}

// A simulated hour with the circuit: arrivals go on, probes are all the calls
// there are, and nothing is spent.
func TestHealth_AnHourOfFailure(t *testing.T) {
	h := newHealth(time.Now())
	arrivals, calls := 0, 0
	var next, pause = time.Duration(0), time.Duration(0)
	for now := time.Duration(0); now < time.Hour; now += time.Second {
		arrivals += 5
		if !h.open {
			calls += 5
			for i := range 5 {
				if h.fail(int64(arrivals - i)) {
					pause = circuit.FirstPause
					next = now + pause
				}
			}
			continue
		}
		if now >= next { // as the claim moves it
			calls++
			h.fail(int64(calls))
			pause = min(2*pause, circuit.LastPause)
			next = now + pause/2
		}
	}
	if calls > 50 || float64(calls) > 1.1*float64(arrivals) {
		t.Errorf("%d calls of %d arrivals", calls, arrivals)
	}
	t.Logf("%d arrivals, %d calls", arrivals, calls)
}

// What was claimed before the circuit opened waits; what is claimed later, and
// is no probe, shows that somebody closed it.
func TestHealth_Resumed(t *testing.T) {
	h := newHealth(time.Now())
	for i := range int64(tripAfter) {
		h.fail(i)
	}
	if !h.waits(time.Now()) {
		t.Error("it is open")
	}
	if h.waits(time.Now().Add(2 * opening)) {
		t.Error("it was resumed")
	}
	trips := false
	for i := range int64(tripAfter) {
		trips = h.fail(i)
	}
	if !trips {
		t.Error("a function that still fails opens its circuit again")
	}
}
