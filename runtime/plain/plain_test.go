package plain

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// A request that comes in pieces is served all the same, and so is what follows
// it.
func TestARequestInPieces(t *testing.T) {
	r := open(t, say)
	c := r.dial(t)
	request := "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
	for i := range request {
		if _, err := io.WriteString(c, request[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(c, get("/close"))
	if list := read(t, c); len(list) != 2 || list[0].Body != "hello" || list[1].Body != "last" {
		t.Errorf("%+v", list)
	}
}

// The call of a client that has gone is told so.
func TestTheCallOfAClientThatHasGoneEnds(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error)
	r := open(t, func(_ http.ResponseWriter, q *http.Request) {
		close(begun)
		<-q.Context().Done()
		ended <- q.Context().Err()
	})
	c := r.dial(t)
	_, _ = io.WriteString(c, get("/"))
	<-begun
	_ = c.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) || r.plain.Load() != 1 {
		t.Error(err)
	}
}

// A client that takes nothing ends its own call and no other.
func TestAClientThatTakesNothing(t *testing.T) {
	ended := make(chan error)
	r := open(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/ok" {
			return
		}
		chunk := bytes.Repeat([]byte("x"), 32<<10)
		for {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := w.Write(chunk); err != nil {
				ended <- err
				return
			}
		}
	})
	_, _ = io.WriteString(r.dial(t), get("/"))
	if err := <-ended; err == nil {
		t.Error("it went on")
	}
	if list := talk(t, r.addr, get("/ok")); len(list) != 1 || list[0].Status != 200 {
		t.Errorf("%+v", list)
	}
}

// A deadline for writing matters while something is written, not between.
func TestAPauseBetweenWritesIsNoFault(t *testing.T) {
	written, next := make(chan struct{}), make(chan struct{})
	r := open(t, func(w http.ResponseWriter, q *http.Request) {
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now()) // is over when the clock looks
		_, _ = io.WriteString(w, "one")
		_ = control.Flush()
		close(written) // its reader may have it before the writer has returned
		<-next
		_, _ = io.WriteString(w, "two")
	})
	c := r.dial(t)
	_, _ = io.WriteString(c, get("/"))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	<-written
	r.mu.Lock()
	for c := range r.conns {
		c.look(time.Now().Add(time.Hour))
	}
	r.mu.Unlock()
	close(next)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "two" {
		t.Errorf("%q %v", rest, err)
	}
}

func TestAConnectionThatRestsTooLongIsClosed(t *testing.T) {
	r := resting(t, say, time.Millisecond)
	c := r.dial(t)
	_, _ = io.WriteString(c, get("/echo"))
	if list := read(t, c); len(list) != 1 || list[0].Status != 200 {
		t.Errorf("%+v", list)
	}
}

// A handler's panic costs its connection.
func TestAPanicCostsItsConnection(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/panic" {
			panic("of a test")
		}
	})
	if list := talk(t, r.addr, get("/panic")+get("/")); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	if list := talk(t, r.addr, get("/")); len(list) != 1 {
		t.Errorf("%+v", list)
	}
}

// Shutdown lets what was begun end, and ends what rests.
func TestShutdownWaitsForCalls(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	r := open(t, func(_ http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/long" {
			close(begun)
			<-end
		}
	})
	idle, calling := r.dial(t), r.dial(t)
	_, _ = io.WriteString(idle, get("/"))
	if _, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(calling, get("/long"))
	<-begun
	over := make(chan error)
	go func() { over <- r.Shutdown(t.Context()) }()
	if err := <-r.over; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if n, err := idle.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("a resting connection: %d %v", n, err)
	}
	select {
	case err := <-over:
		t.Errorf("it did not wait: %v", err)
	default:
	}
	if c, err := net.Dial("tcp", r.addr); err == nil {
		t.Error("a new connection was taken")
		_ = c.Close()
	}
	close(end)
	if list := read(t, calling); len(list) != 1 || list[0].Status != 200 {
		t.Errorf("%+v", list)
	}
	if err := <-over; err != nil {
		t.Error(err)
	}
}
