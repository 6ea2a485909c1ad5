package express

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestACallGoesThroughAndBack(t *testing.T) {
	r := open(t)
	c := r.dial()
	c.say(post("/echo/a?b", "body"))
	c.hears(200, "/echo/a?bbody")
	r.end(200)
}

func TestCallsFollowOneAnotherOverOneConnection(t *testing.T) {
	r := open(t)
	var connections atomic.Int64
	r.function("counted", func(f *far) { connections.Add(1); echo(f) })
	c := r.dial()
	for i := range 20 {
		body := strings.Repeat("x", i*700)
		c.say(post("/counted", body))
		c.hears(200, "/counted"+body)
		r.end(200)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("the function has had %d connections", n)
	}
}

func TestPipelinedRequestsAreAnsweredInTheirOrder(t *testing.T) {
	r := open(t)
	c := r.dial()
	for range 3 {
		var all strings.Builder
		for i := range 300 {
			all.WriteString([]string{post(fmt.Sprint("/echo/", i), "body"), get(fmt.Sprint("/echo/", i)), get("/refuse")}[i%3])
		}
		c.say(all.String())
		for i := range 300 {
			switch i % 3 {
			case 0:
				c.hears(200, fmt.Sprint("/echo/", i, "body"))
			case 1:
				c.hears(200, fmt.Sprint("/echo/", i))
			case 2:
				c.hears(503, "")
			}
		}
	}
}

// What came with the first request is a part of the second one, and the rest of
// that comes while the first one is under way.
func TestNothingIsLostOfARequestThatComesDuringACall(t *testing.T) {
	r := open(t)
	heard, let := make(chan struct{}), make(chan struct{})
	r.function("slow", func(f *far) { f.hear(); close(heard); <-let; f.say(ok("slow")) })
	c := r.dial()
	second := post("/echo", "a body in two pieces")
	c.say(get("/slow") + second[:len(second)-10])
	r.wait("the first call", heard)
	c.say(second[len(second)-10:])
	r.pass()
	close(let)
	c.hears(200, "slow")
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		c.hears(200, "/echoa body in two pieces")
	}()
	select {
	case <-answered:
	case rest := <-r.rests: // it may leave, since it has waited
		whole := append(rest.Read, make([]byte, len(second)-len(rest.Read))...)
		if _, err := io.ReadFull(rest.Conn, whole[len(rest.Read):]); err != nil || string(whole) != second || rest.Begun != nil {
			t.Errorf("%q has left, %v, %+v", whole, err, rest.Begun)
		}
		_, _ = io.WriteString(rest.Conn, ok("/echoa body in two pieces"))
		<-answered
		done(rest)
	}
}

func TestTheLongestRequestIsCarried(t *testing.T) {
	r := open(t)
	body := strings.Repeat("x", MaxRequest-len(post("/echo", strings.Repeat("x", 10_000)))+10_000)
	c := r.dial()
	for range 3 {
		c.say(post("/echo", body))
		c.hears(200, "/echo"+body)
		r.end(200)
	}
	c.say(post("/echo", body+"x"))
	_ = r.rest().Conn.Close()
}

func TestABodyThatComesInPiecesIsCarried(t *testing.T) {
	r := open(t)
	c := r.dial()
	for range 3 { // what one leaves behind is not the next one's
		request := post("/echo", "in three pieces")
		for _, piece := range []string{request[:len(request)-10], request[len(request)-10 : len(request)-5], request[len(request)-5:]} {
			c.say(piece)
			r.pass()
		}
		c.hears(200, "/echoin three pieces")
		r.end(200)
	}
}

// A client that asks for it has the end of the connection behind its answer, and
// no reset when it has said more than it should.
func TestTheLastAnswerEndsTheConnection(t *testing.T) {
	r := open(t)
	for _, behind := range []string{"", get("/echo"), strings.Repeat(get("/echo"), 400)} {
		c := r.dial()
		c.say(get("/echo", "Connection: close") + behind)
		c.hears(200, "/echo")
		if b, err := c.in.ReadByte(); err != io.EOF {
			t.Errorf("behind the last answer comes %q, %v", b, err)
		}
		c = r.dial()
		c.say(get("/refuse", "Connection: close") + behind)
		c.hears(503, "")
		if b, err := c.in.ReadByte(); err != io.EOF {
			t.Errorf("behind the last refusal comes %q, %v", b, err)
		}
	}
	// They do not end their side, and that is waited for no longer than a tick.
	if !eventually(func() bool { return r.left.Load() == r.taken.Load() }) {
		t.Errorf("of %d connections %d have ended", r.taken.Load(), r.left.Load())
	}
}

func TestManyClientsAtOnceHaveTheirOwnAnswers(t *testing.T) {
	r := open(t)
	r.function("chunky", func(f *far) {
		for {
			target, body := f.hear()
			if target == "" {
				return
			}
			f.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(target+body), target+body))
		}
	})
	r.function("pieces", func(f *far) {
		for {
			target, body := f.hear()
			if target == "" {
				return
			}
			answer := ok(target + body)
			f.say(answer[:9])
			f.say(answer[9 : len(answer)-5])
			f.say(answer[len(answer)-5:])
		}
	})
	var all sync.WaitGroup
	for i := range 40 {
		c := r.dial()
		all.Go(func() {
			for j := range 40 {
				target := fmt.Sprintf("/%s/%d/%d", []string{"echo", "chunky", "pieces"}[(i+j)%3], i, j)
				body := strings.Repeat(fmt.Sprint(i%10), j*i)
				c.say(post(target, body))
				c.hears(200, target+body)
			}
			_ = c.Close()
		})
	}
	all.Wait()
	for range 40 * 40 {
		r.end(200)
	}
}
