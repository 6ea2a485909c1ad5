package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// wire is a connection that tells which deadlines it was given.
type wire struct {
	net.Conn
	read, write chan time.Time
}

func (w *wire) SetReadDeadline(t time.Time) error  { w.read <- t; return nil }
func (w *wire) SetWriteDeadline(t time.Time) error { w.write <- t; return nil }

func linked() (*link, *wire) {
	w := &wire{read: make(chan time.Time, 10), write: make(chan time.Time, 10)}
	k := &link{Conn: w}
	carried(context.Background(), k)
	return k, w
}

// A limit that is moved before it is due strikes nobody; one that is due strikes
// once, and is lifted by the next.
func TestLink_LimitsStrikeWhenTheyAreDue(t *testing.T) {
	k, w := linked()
	defer k.stop()
	k.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	k.SetReadDeadline(time.Now().Add(time.Hour))
	for due := instant(0); due-now() < instant(time.Minute); time.Sleep(time.Millisecond) {
		k.mu.Lock() // until the timer has fired for the first, and was set for the second
		due = k.due
		k.mu.Unlock()
	}
	if len(w.read) != 0 {
		t.Error("a limit that was moved has struck")
	}
	end := time.Now().Add(10 * time.Millisecond)
	k.SetReadDeadline(end)
	if struck := <-w.read; !struck.Equal(long) || time.Now().Before(end) {
		t.Errorf("struck with %v, %v early", struck, time.Until(end))
	}
	k.SetReadDeadline(time.Now().Add(time.Hour))
	if lifted := <-w.read; !lifted.IsZero() {
		t.Errorf("lifted with %v", lifted)
	}
	k.SetReadDeadline(time.Unix(1, 0))
	if struck := <-w.read; !struck.Equal(long) {
		t.Errorf("interrupted with %v", struck)
	}
	k.SetWriteDeadline(time.Now().Add(-time.Second))
	if struck := <-w.write; !struck.Equal(long) {
		t.Errorf("a write limit that has passed: %v", struck)
	}
	k.release()
	at := time.Now().Add(time.Hour)
	k.SetDeadline(at)
	if r, w := <-w.read, <-w.write; !r.Equal(at) || !w.Equal(at) {
		t.Errorf("hijacked: %v %v", r, w)
	}
}

// The context of a request has its call's deadline and ends with it, and so do
// those that are made from it; nothing runs for it meanwhile.
func TestLink_TheContextEndsWithTheCall(t *testing.T) {
	type end struct{ err, child, cause error }
	ends := make(chan end, 1)
	url, _, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		at, ok := r.Context().Deadline()
		if left := time.Until(at); !ok || left > 30*time.Second || left < 0 && r.URL.Path != "/late" {
			t.Errorf("%s: deadline %v %v", r.URL.Path, at, ok)
		}
		if r.URL.Path == "/late" {
			child, cancel := context.WithTimeout(r.Context(), time.Hour)
			defer cancel()
			<-child.Done()
			ends <- end{r.Context().Err(), child.Err(), context.Cause(child)}
		}
	}, map[string]string{})
	before := 0
	for n := range 200 {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if n == 0 {
			before = runtime.NumGoroutine()
		}
	}
	if after := runtime.NumGoroutine(); after > before+5 {
		t.Errorf("%d goroutines, then %d", before, after)
	}
	r, _ := http.NewRequest("GET", url+"/late", nil)
	r.Header.Set("X-Timeout", "20ms")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("status %d", res.StatusCode)
	}
	if e := <-ends; e.err != context.DeadlineExceeded || e.child != context.DeadlineExceeded || !errors.Is(e.cause, context.DeadlineExceeded) {
		t.Errorf("%+v", e)
	}
}

// Without a limit there is no deadline, and a client that leaves ends the
// context as it always did.
func TestLink_TheContextEndsWithItsClient(t *testing.T) {
	there, gone := make(chan struct{}), make(chan error, 1)
	url, _, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Deadline(); ok {
			t.Error("a deadline without a limit")
		}
		close(there)
		<-r.Context().Done()
		gone <- r.Context().Err()
	}, map[string]string{"exec_timeout": "0"})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: f\r\n\r\n")
	<-there
	conn.Close()
	if err := <-gone; err != context.Canceled {
		t.Error(err)
	}
}

// A call that ended before its time leaves the connection as it was, though the
// timer fires for it; a hijacked one does not end, and its context does.
func TestLink_OnlyACallThatEndsHereEndsTheContext(t *testing.T) {
	for state, over := range map[string]bool{"answered": false, "hijacked": true} {
		k, _ := linked()
		c := &call{link: k, limit: time.Hour, due: now() + instant(time.Hour)}
		c.state.Store(done)
		if state == "hijacked" {
			k.release()
		}
		k.watch(c)
		k.mu.Lock()
		c.due = now()
		k.mu.Unlock()
		k.fire()
		if (k.life.Err() != nil) != over {
			t.Errorf("%s: %v", state, k.life.Err())
		}
		k.stop()
	}
}
