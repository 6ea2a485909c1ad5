package express

import (
	"strings"
	"testing"
	"time"
)

// Of those who find a function full one waits, and the others are refused at
// once.
func TestOneWaitsForAPlace(t *testing.T) {
	r := configured(t, Config{Hold: time.Hour})
	r.function("narrow", echo)
	r.function("narrow-2", echo)
	first, second, other := r.dial(), r.dial(), r.dial()
	first.say(get("/narrow/1") + get("/echo/behind"))
	r.pass()
	second.say(get("/narrow/2"))
	second.hears(503, "")
	other.say(get("/narrow-2/3")) // has a function of its own
	r.pass()
	second.say(get("/echo")) // ends, and leaves no place
	second.hears(200, "/echo")
	r.end(200)
	r.pass()
	r.places.Store(1)
	second.say(get("/echo"))
	second.hears(200, "/echo")
	r.end(200)
	first.hears(200, "/narrow/1")
	r.end(200)
	first.hears(200, "/echo/behind")
	r.end(200)
	r.places.Store(1)
	second.say(get("/echo"))
	second.hears(200, "/echo")
	other.hears(200, "/narrow-2/3")
	r.end(200)
	r.end(200)
}

// Nobody waits for longer than that, whatever else comes and goes, and then what
// came behind has its turn.
func TestWhoHasWaitedForLongEnoughIsRefused(t *testing.T) {
	r := configured(t, Config{Hold: 50 * time.Millisecond})
	r.function("narrow", echo)
	c, busy := r.dial(), r.dial()
	begun := time.Now()
	c.say(get("/narrow") + get("/echo/behind"))
	for time.Since(begun) < 30*time.Millisecond {
		busy.say(get("/echo"))
		busy.hears(200, "/echo")
		r.end(200)
	}
	c.hears(503, "")
	if d := time.Since(begun); d < 50*time.Millisecond {
		t.Errorf("refused after %s", d)
	}
	c.hears(200, "/echo/behind")
	r.end(200)
}

// What comes behind has a time of its own.
func TestWhatComesBehindWaitsAsLong(t *testing.T) {
	const hold = 30 * time.Millisecond
	r := configured(t, Config{Hold: hold})
	r.function("narrow", echo)
	c := r.dial()
	begun := time.Now()
	c.say(strings.Repeat(get("/narrow"), 3))
	for n := range 3 {
		c.hears(503, "")
		if d := time.Since(begun); d < time.Duration(n+1)*hold {
			t.Errorf("number %d was refused after %s", n+1, d)
		}
	}
}

// Who waits may go, say more, or be there when the loop is to drain or to end.
func TestWhateverHappensToWhoWaits(t *testing.T) {
	r := configured(t, Config{Hold: 20 * time.Millisecond})
	r.function("narrow", echo)
	gone := r.dial()
	gone.say(get("/narrow"))
	r.pass()
	_ = gone.Close()
	for begun := time.Now(); time.Since(begun) < 40*time.Millisecond; {
		r.pass()
	}
	more := r.dial()
	more.say(get("/narrow"))
	r.pass()
	more.say(strings.Repeat(get("/refuse"), 100))
	for range 101 {
		more.hears(503, "")
	}
	drained := r.dial()
	drained.say(get("/narrow"))
	r.pass()
	r.Drain()
	drained.hears(503, "")
	drained.ends()
}

func TestALoopEndsWithWhoWaits(t *testing.T) {
	r := configured(t, Config{Hold: time.Hour})
	r.function("narrow", echo)
	c := r.dial()
	c.say(get("/narrow"))
	r.pass()
	r.Close()
	c.ends()
}
