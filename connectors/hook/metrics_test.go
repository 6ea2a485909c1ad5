package hook

import (
	"testing"
	"time"
)

// A source is behind from its first failure until it has been read for a while or
// has given an event; one that connects and fails again and again is behind all
// the time.
func TestMetrics_Lag(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	m := &Metrics{now: func() time.Time { return now }}
	pass := func(d time.Duration) { now = now.Add(d) }
	want := func(what string, lag time.Duration) {
		t.Helper()
		if got := m.Snapshot()["s"].Lag; got != lag {
			t.Errorf("%s: %v behind, want %v", what, got, lag)
		}
	}
	m.connected("s")
	want("connected", 0)
	pass(time.Hour)
	m.Failed("s")
	pass(time.Minute)
	want("failed", time.Minute)
	for range 3 {
		m.connected("s")
		pass(maxPause)
		m.Failed("s")
	}
	want("again and again", time.Minute+3*maxPause)
	m.connected("s")
	m.delivered("s", 1)
	want("an event", 0)
	pass(time.Second)
	m.Failed("s")
	pass(time.Second)
	want("failed after the event", time.Second)
	m.connected("s")
	pass(settled)
	want("read for a while", 0)
	m.Failed("s")
	pass(time.Second)
	want("failed after that", time.Second)
	var none *Metrics
	none.connected("s")
	none.Failed("s")
	none.delivered("s", 1)
}
