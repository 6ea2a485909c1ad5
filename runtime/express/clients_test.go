package express

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// asked is a function that tells of each call, and answers when it is let.
func (r *rig) asked(name string) (came, let chan struct{}) {
	came, let = make(chan struct{}, 1<<10), make(chan struct{})
	r.function(name, func(f *far) {
		for {
			target, body := f.hear()
			if target == "" {
				return
			}
			came <- struct{}{}
			select {
			case <-let:
			case <-r.closed:
			}
			f.say(ok(target + body))
		}
	})
	return came, let
}

func TestTheCallOfAClientThatGoesEnds(t *testing.T) {
	for how, goes := range map[string]func(*near){
		"closes":                         func(c *near) { _ = c.Close() },
		"resets":                         func(c *near) { _ = c.SetLinger(0); _ = c.Close() },
		"ends its side and says no more": func(c *near) { _ = c.CloseWrite() },
		"sends ahead and closes": func(c *near) {
			c.say(get("/echo"))
			_ = c.Close()
		},
	} {
		t.Run(how, func(t *testing.T) {
			r := open(t)
			heard, ended := make(chan struct{}), make(chan struct{})
			r.function("slow", func(f *far) {
				f.hear()
				close(heard)
				f.hear() // its end
				close(ended)
			})
			c := r.dial()
			c.say(get("/slow"))
			r.wait("the request", heard)
			goes(c)
			r.end(gone)
			r.wait("the end of the function's connection", ended)
		})
	}
}

// A tick is what it has for that.
func TestAClientThatEndsItsSideHasItsAnswers(t *testing.T) {
	r := open(t)
	for _, n := range []int{1, 3} {
		c := r.dial()
		let := r.hold() // all of it is one event
		c.say(strings.Repeat(post("/echo", "body"), n))
		_ = c.CloseWrite()
		let()
		for range n {
			c.hears(200, "/echobody")
			r.end(200)
		}
		c.ends()
	}
}

func TestARequestThatComesDuringACallIsAnsweredAfterIt(t *testing.T) {
	r := open(t)
	came, let := r.asked("slow")
	c := r.dial()
	for i := range 3 {
		c.say(get(fmt.Sprint("/slow/", i)))
		r.wait("the request", came)
		c.say(get("/echo"))
		r.pass()
		let <- struct{}{}
		c.hears(200, fmt.Sprint("/slow/", i))
		c.hears(200, "/echo")
	}
}

// A client that takes nothing does not hold the others up: what it is owed goes
// with it.
func TestWhatAClientDoesNotTakeIsOwed(t *testing.T) {
	r := open(t)
	body := strings.Repeat("x", MaxAnswer)
	r.answers("long", ok(body))
	c := r.dial()
	var rest Rest
	answers := 0
	for rest.Conn == nil { // its buffers are full some time
		c.say(get("/long"))
		select {
		case status := <-r.ended:
			if answers++; status != 200 {
				t.Fatal(status)
			}
		case rest = <-r.rests:
		case <-time.After(patient):
			t.Fatal("the loop waits for a client")
		}
	}
	defer rest.Conn.Close() // and not before: with a request unread, it would be reset
	answers += len(r.ended) // which was told before it left
	if len(rest.Owed) == 0 || len(rest.Read) > 0 || rest.Begun != nil {
		t.Fatalf("%d bytes are owed, %q, %+v", len(rest.Owed), rest.Read, rest.Begun)
	}
	go func() {
		_, _ = rest.Conn.Write(rest.Owed)
		_ = rest.Conn.(*owned).CloseWrite()
	}()
	for range answers {
		c.hears(200, body)
	}
	c.ends()
}

func TestOneThatRestsTooLongIsClosed(t *testing.T) {
	r := configured(t, Config{Idle: 150 * time.Millisecond})
	came, let := r.asked("slow")
	busy, idle := r.dial(), r.dial()
	busy.say(get("/slow"))
	r.wait("the request", came)
	idle.say(get("/echo"))
	idle.hears(200, "/echo")
	start := time.Now()
	idle.ends()
	if took := time.Since(start); took > patient/2 {
		t.Errorf("it has rested for %v", took)
	}
	r.tick()
	r.tick()
	let <- struct{}{}
	busy.hears(200, "/slow") // its call has taken longer
	start = time.Now()
	busy.ends()
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("it may rest for %v after its call", took)
	}
}

// What a connection is in the end is known by the address that it came from,
// also when it has been reset meanwhile.
func TestAConnectionThatWasResetLeavesWithItsAddress(t *testing.T) {
	r := open(t)
	c := r.dial()
	at := c.LocalAddr().String()
	r.inside <- func() {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	c.say(get("/elsewhere?inside"))
	rest := r.rest()
	if a := rest.Conn.RemoteAddr(); a == nil || a.String() != at {
		t.Errorf("it comes from %v, not from %s", a, at)
	}
}

// A refused request has been answered: it is not a part of what comes then.
func TestARequestIsRefusedOnce(t *testing.T) {
	r := open(t)
	c := r.dial()
	request := post("/refuse", "in two pieces")
	c.say(request[:len(request)-5])
	r.pass()
	c.say(request[len(request)-5:])
	c.hears(503, "")
	c.say(get("/echo"))
	c.hears(200, "/echo")
	if n := r.refused.Load(); n != 1 {
		t.Errorf("it was refused %d times", n)
	}
}

// A client that sends requests without end has its turn, and no more: neither of
// the time, nor of the stack.
func TestAFloodOfRefusedRequestsHasItsTurn(t *testing.T) {
	r := open(t)
	flood, other := r.dial(), r.dial()
	request := get("/refuse/" + strings.Repeat("x", 64-len(get("/refuse/")))) // so that buffers end with one
	let := r.hold()
	flood.say(strings.Repeat(request, 60<<10/len(request)))
	answered := make(chan int64, 1)
	r.inside <- func() { answered <- r.refused.Load() }
	other.say(get("/echo?inside"))
	let()
	other.hears(200, "/echo?inside")
	if n, most := <-answered, int64(MaxRequest+1<<10)/64; n > most {
		t.Errorf("%d requests of another client were answered before, and a buffer holds %d", n, most)
	}
	for range 60 << 10 / len(request) {
		flood.hears(503, "")
	}
	if n := r.deepest.Load(); n > 50 {
		t.Errorf("the stack is %d calls deep", n)
	}
}
