package forward

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A round trip that another has begun goes on with what he has read, and its
// connection serves the next call.
func TestARoundTripGoesOn(t *testing.T) {
	ours, theirs := tcpPair(t)
	r := to(t, "127.0.0.1:1")
	go func() { _, _ = io.WriteString(theirs, "nt-Length: 4\r\n\r\nbody") }()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://function/", strings.NewReader("was sent"))
	res, err := r.Begun(ours, []byte("HTTP/1.1 200 OK\r\nConte")).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "body" {
		t.Errorf("%q %v", b, err)
	}
	go func() {
		_, _ = theirs.Read(make([]byte, 1000))
		_, _ = io.WriteString(theirs, "HTTP/1.1 204 No Content\r\n\r\n")
	}()
	if res, _, err := r.call(t, t.Context(), "GET", ""); err != nil || res.StatusCode != 204 || r.dialled.Load() != 0 {
		t.Errorf("%v, %d connections were opened", err, r.dialled.Load())
	}
}

// What another has read beyond the answer ends the connection.
func TestARoundTripWithMoreThanItsAnswer(t *testing.T) {
	ours, theirs := tcpPair(t)
	r := to(t, "127.0.0.1:1")
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://function/", nil)
	res, err := r.Begun(ours, []byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"+strings.Repeat("evil", buffer))).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "x" {
		t.Errorf("%q %v", b, err)
	}
	if n, err := theirs.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the connection is kept: %d %v", n, err)
	}
}

// What broke is tried again only when nothing can have come of it.
func TestWhatIsTriedAgain(t *testing.T) {
	r := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "again") })
	broke := errors.New("broke")
	for _, c := range []struct {
		method, body string
		err          error
		unheard      bool
		again        bool
	}{
		{"GET", "", broke, true, true}, {"GET", "", broke, false, false}, {"POST", "", broke, true, false}, {"GET", "body", broke, true, false},
		{"GET", "", context.DeadlineExceeded, true, false},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), c.method, "http://function/", strings.NewReader(c.body))
		res, err := r.Broken(c.err, c.unheard).RoundTrip(req)
		if c.again != (err == nil) || err != nil && !errors.Is(err, c.err) {
			t.Errorf("%+v: %v", c, err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
	}
}

func tcpPair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return ours, theirs
}
