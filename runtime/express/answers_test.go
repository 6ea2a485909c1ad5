package express

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"
)

// answers is a function that answers each call in these pieces. The loop sees
// each of them by itself.
func (r *rig) answers(name string, pieces ...string) {
	r.function(name, func(f *far) {
		for {
			if target, _ := f.hear(); target == "" {
				return
			}
			for i, p := range pieces {
				if i > 0 {
					r.pass()
				}
				f.say(p)
			}
		}
	})
}

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestAnAnswerInPiecesIsCarried(t *testing.T) {
	r := open(t)
	r.answers("pieces", "HTTP/1.1 20", "1 OK\r\nContent-Len", "gth: 5\r\n\r\n", "ab", "cd", "e")
	r.answers("empty", "HTTP/1.1 204 No Content\r\n", "\r\n")
	c := r.dial()
	for range 2 {
		c.say(get("/pieces"))
		c.hears(201, "abcde")
		r.end(201)
		c.say(get("/empty"))
		c.hears(204, "")
		r.end(204)
	}
}

func TestAnAnswerWithAllItsChunksIsCarried(t *testing.T) {
	r := open(t)
	r.answers("chunks", chunked+"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
	c := r.dial()
	for range 2 {
		c.say(get("/chunks"))
		c.hears(200, "abcde")
		r.end(200)
	}
}

func TestTheLongestAnswerIsCarried(t *testing.T) {
	r := open(t)
	r.answers("long", ok(strings.Repeat("x", MaxAnswer)))
	c := r.dial()
	for range 3 {
		c.say(get("/long"))
		c.hears(200, strings.Repeat("x", MaxAnswer))
		r.end(200)
	}
}

// Each of them leaves with what was asked, what came, and the connection that
// the rest comes over.
func TestWhatIsNotAPlainAnswerLeavesWithEveryByte(t *testing.T) {
	long := ok(strings.Repeat("x", MaxAnswer+1))
	for name, c := range map[string]struct {
		now, later string
	}{
		"chunk by chunk":       {chunked + "3\r\nabc\r\n", "2\r\nde\r\n0\r\n\r\n"},
		"a head, then chunks":  {chunked, "2\r\nde\r\n0\r\n\r\n"},
		"long":                 {long[:100], long[100:]},
		"long, at once":        {long, ""},
		"a hint":               {"HTTP/1.1 103 Early Hints\r\n\r\n", ok("after it")},
		"until it closes":      {"HTTP/1.1 200 OK\r\n\r\nsome", " more"},
		"nothing of HTTP":      {"hello\r\n\r\n", "hello"},
		"a head without end":   {strings.Repeat("x", MaxRequest+1), "x"},
		"more than one":        {ok("a") + ok("b"), ok("c")},
		"all but its end":      {ok("abcde")[:40], ok("abcde")[40:]}, // after a tick
		"all but its head":     {"HTTP/1.1 200 OK\r\n", "\r\nhello"}, // after a tick
		"a change of protocol": {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			let := make(chan struct{})
			r.function("odd", func(f *far) {
				f.hear()
				f.say(c.now)
				<-let
				f.say(c.later)
			})
			near := r.dial()
			request := post("/odd", "body") + get("/echo") // the second one goes with it
			near.say(request)
			rest := r.rest()
			b := rest.Begun
			if string(rest.Read) != request || b == nil || b.Conn == nil || b.Err != nil || b.Unheard || rest.Owed != nil {
				t.Fatalf("%q, %+v", rest.Read, b)
			}
			if len(b.Read) == 0 || !strings.HasPrefix(c.now, string(b.Read)) {
				t.Errorf("%.100q of %.100q had come", b.Read, c.now)
			}
			close(let)
			after, err := io.ReadAll(b.Conn)
			if got := string(b.Read) + string(after); got != c.now+c.later || err != nil {
				t.Errorf("%d bytes of %d came, %v: %.200q", len(got), len(c.now+c.later), err, got)
			}
			done(rest)
			near.ends()
			r.end(gone)
		})
	}
}

func TestAnAnswerThatTheCarrierRefusesLeaves(t *testing.T) {
	r := open(t)
	c := r.dial()
	c.say(get("/echo?not-here"))
	rest := r.rest()
	if b := rest.Begun; b == nil || string(b.Read) != ok("/echo?not-here") || b.Conn == nil || string(rest.Read) != get("/echo?not-here") {
		t.Errorf("%q, %+v", rest.Read, b)
	}
	done(rest)
	r.end(gone)
}

// Answer and end are in one event, or in two.
func TestAnAnswerWithTheConnectionsEndIsCarried(t *testing.T) {
	r := open(t)
	for name, answer := range map[string]string{"said": "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast", "unsaid": ok("last")} {
		var connections atomic.Int64
		r.function(name, func(f *far) {
			connections.Add(1)
			f.hear()
			f.say(answer)
		})
		c := r.dial()
		for range 10 {
			c.say(get("/" + name))
			c.hears(200, "last")
			r.end(200)
			r.pass()
		}
		if n := connections.Load(); n != 10 {
			t.Errorf("%s: %d connections for 10 calls", name, n)
		}
	}
}
