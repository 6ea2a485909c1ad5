package plain

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
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
	next := make(chan struct{})
	r := open(t, func(w http.ResponseWriter, q *http.Request) {
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now()) // is over when the clock looks
		_, _ = io.WriteString(w, "one")
		_ = control.Flush()
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

// What whole takes for plain is one request to net/http, to its last byte.
func FuzzWhole(f *testing.F) {
	for _, s := range []string{get("/a"), get("/a") + get("/b"), get("/a", "Connection: close"), get("/a", "X: y", " z"), get("/a", "A:b", "a: c"),
		"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET", "GET /a HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", "GET /a HTTP/1.1\r\nHost: [::1]:1\r\n\r\n",
		get("/a", "Content-Length: 0"), get("/a", "Content-Length: 00001")} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := whole(b, "/")
		if n == 0 {
			return
		}
		from := bytes.NewReader(b[:n])
		in := bufio.NewReaderSize(from, size)
		r, err := http.ReadRequest(in)
		if err != nil {
			t.Fatalf("%q: %v", b[:n], err)
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil || in.Buffered()+from.Len() > 0 {
			t.Fatalf("%q: %v, %d bytes are left", b[:n], err, in.Buffered()+from.Len())
		}
		if r.Host == "" || r.Close || len(r.TransferEncoding) > 0 || !strings.HasPrefix(r.RequestURI, "/") || r.ProtoMinor != 1 {
			t.Fatalf("%q is not plain: %+v", b[:n], r)
		}
		for _, name := range []string{"Connection", "Upgrade", "Expect", "Te", "Trailer", "Transfer-Encoding"} {
			if v, ok := r.Header[name]; ok && !(name == "Connection" && strings.EqualFold(v[0], "keep-alive")) {
				t.Fatalf("%q has %s", b[:n], name)
			}
		}
		for i, c := range b[:n-int(r.ContentLength)] {
			if c == '\n' && b[i-1] != '\r' || c == '\r' && b[i+1] != '\n' {
				t.Fatalf("%q has a bare CR or LF in its head", b[:n])
			}
		}
	})
}
