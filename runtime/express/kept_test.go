package express

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The process has gone, and its seat has another one: a call on the way to the
// first one comes to the second, whenever the loop gets to know.
func TestAFunctionThatHasGoneLosesNoCall(t *testing.T) {
	for _, when := range []string{"before the call", "with the call", "while the call begins"} {
		t.Run(when, func(t *testing.T) {
			r := open(t)
			dies, dead := make(chan struct{}), make(chan struct{})
			var before atomic.Bool
			r.function("seat", func(f *far) {
				if before.Swap(true) {
					echo(f)
					return
				}
				f.hear()
				f.say(ok("first"))
				<-dies
				_ = f.Close()
				close(dead)
			})
			c := r.dial()
			c.say(get("/seat"))
			c.hears(200, "first")
			target := "/seat"
			switch when {
			case "before the call":
				close(dies)
				r.wait("death", dead)
				r.do(func() {
					if n := len(r.idle["seat"]); n != 0 {
						t.Errorf("%d connections to it are kept", n)
					}
				})
				c.say(post(target, "not twice"))
			case "with the call":
				let := r.hold()
				close(dies)
				r.wait("death", dead)
				c.say(post(target, "not twice"))
				let()
			default:
				target += "?inside"
				r.inside <- func() { close(dies); <-dead }
				c.say(post(target, "not twice"))
			}
			c.hears(200, target+"not twice")
			for range 2 {
				r.end(200)
			}
		})
	}
}

// What a function says when nobody asks would be the next call's answer.
func TestWhatAFunctionSaysUnaskedIsNobodysAnswer(t *testing.T) {
	size := MaxAnswer + MaxRequest - len(chunked+"123456\r\n\r\n0\r\n\r\n")
	whole := chunked + fmt.Sprintf("%06x\r\n%s\r\n0\r\n\r\n", size, strings.Repeat("x", size)) // as long as the loop's buffer
	for _, c := range []struct {
		when, answer, later string
		leaves              bool // the first call
	}{
		{"with its answer", ok("first") + ok("unasked"), "", true},
		{"behind as much as the loop reads", whole + ok("unasked"), "", false},
		{"before the call", ok("first"), ok("unasked"), false},
		{"while the call begins", ok("first"), ok("unasked"), false},
	} {
		t.Run(c.when, func(t *testing.T) {
			r := open(t)
			asked, says, spoken := make(chan struct{}), make(chan struct{}), make(chan struct{})
			var before atomic.Bool
			r.function("talks", func(f *far) {
				if before.Swap(true) {
					echo(f)
					return
				}
				f.hear()
				close(asked)
				<-says
				f.say(c.answer)
				spoken <- struct{}{}
				<-says
				f.say(c.later)
				spoken <- struct{}{}
				_, _ = io.Copy(io.Discard, f.in)
			})
			first, second := r.dial(), r.dial()
			first.say(get("/talks"))
			r.wait("the request", asked)
			let := r.hold()
			says <- struct{}{}
			r.wait("the answer", spoken)
			let()
			if c.leaves {
				done(r.rest())
				r.end(gone)
			} else {
				r.end(200)
			}
			later := func() { says <- struct{}{}; <-spoken }
			target := "/talks"
			if c.when == "while the call begins" {
				target += "?inside"
				r.inside <- later
			} else {
				later()
			}
			second.say(get(target))
			second.hears(200, target)
		})
	}
}

func TestKeptConnectionsAreUsedLastFirstAndEndWhenTheyHaveRested(t *testing.T) {
	r := open(t)
	ended := make(chan struct{}, 3)
	all, let := make(chan struct{}, 3), make(chan struct{})
	r.function("kept", func(f *far) {
		for {
			target, _ := f.hear()
			if target == "" {
				ended <- struct{}{}
				return
			}
			all <- struct{}{}
			<-let
			f.say(ok("kept"))
		}
	})
	clients := []*near{r.dial(), r.dial(), r.dial()}
	for _, c := range clients {
		c.say(get("/kept"))
		r.wait("a call", all)
	}
	for _, c := range clients {
		let <- struct{}{}
		c.hears(200, "kept")
	}
	close(let)
	r.do(func() {
		idle := r.idle["kept"]
		if len(idle) != 3 {
			t.Errorf("%d connections are kept", len(idle))
			return
		}
		for _, f := range idle[:2] { // the clock cannot be moved, but what it compares with
			f.since = f.since.Add(-Rested)
		}
	})
	for range 2 {
		r.wait("the end of what has rested", ended)
	}
	clients[0].say(get("/kept"))
	clients[0].hears(200, "kept")
	r.do(func() {
		if n := len(r.idle["kept"]); n != 1 {
			t.Errorf("%d connections are kept", n)
		}
		r.idle["kept"][0].since = time.Now().Add(-Rested)
	})
	r.wait("the end of the last one", ended)
	r.do(func() {
		if n := len(r.idle); n != 0 {
			t.Errorf("%d functions have connections that are kept", n)
		}
	})
}

func TestNoMoreConnectionsAreKeptThanMaxIdle(t *testing.T) {
	r := open(t)
	const more = 3
	ended, came, let := make(chan struct{}, MaxIdle+more), make(chan struct{}, MaxIdle+more), make(chan struct{})
	r.function("many", func(f *far) {
		f.hear()
		came <- struct{}{}
		<-let
		f.say(ok(""))
		f.hear()
		ended <- struct{}{}
	})
	for range MaxIdle + more {
		c := r.dial()
		c.say(get("/many"))
		r.wait("a call", came)
	}
	close(let)
	for range MaxIdle + more {
		r.end(200)
	}
	for range more {
		r.wait("the end of a connection", ended)
	}
	r.do(func() {
		if n := len(r.idle["many"]); n != MaxIdle {
			t.Errorf("%d connections are kept", n)
		}
	})
}
