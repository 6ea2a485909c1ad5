package forward

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// The answer to a request that was written beforehand is read, and its
// connection serves the next call.
func TestBegun_KeepsItsConnection(t *testing.T) {
	ours, theirs := tcpPair(t)
	r := to(t, "127.0.0.1:1")
	go func() { _, _ = io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody") }()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://function/", strings.NewReader("was sent"))
	res, err := r.Begun(ours).RoundTrip(req)
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
