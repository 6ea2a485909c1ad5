package provider

import (
	"testing"
	"time"
)

// One that had been ready is never kept waiting for long; one that never is
// waits longer each time.
func TestPauses(t *testing.T) {
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
