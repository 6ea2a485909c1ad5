package plain

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// rig is a server that counts the requests that were served plainly.
type rig struct {
	*Server
	addr  string
	plain atomic.Int64
	over  chan error // Serve's
}

func open(t *testing.T, h http.HandlerFunc) *rig { return resting(t, h, time.Minute) }

// resting is a rig that lets a connection rest so long.
func resting(t *testing.T, h http.HandlerFunc, idle time.Duration) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{addr: l.Addr().String(), over: make(chan error, 1)}
	counted := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if _, ok := w.(*response); ok {
			r.plain.Add(1)
		}
		h(w, q)
	})
	r.Server = &Server{Handler: counted, Prefix: "/", Tick: 20 * time.Millisecond, Other: &http.Server{Handler: counted, ReadHeaderTimeout: time.Minute, IdleTimeout: idle}}
	go func() { r.over <- r.Serve(l) }()
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (r *rig) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second)) // a hang is a failure
	return c
}

// answer is one as a client reads it.
type answer struct {
	Status  int
	Header  http.Header
	Body    string
	Trailer http.Header
	Chunked bool
	Close   bool
	Cut     bool // the body broke off
}

// talk writes the bytes, ends its side, and reads every answer.
func talk(t *testing.T, addr, request string, methods ...string) []answer {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	return read(t, c, methods...)
}

func read(t *testing.T, c net.Conn, methods ...string) (list []answer) {
	t.Helper()
	in := bufio.NewReader(c)
	for i := 0; ; i++ {
		method := "GET"
		if i < len(methods) {
			method = methods[i]
		}
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				t.Fatalf("a hang after %d answers", len(list))
			}
			return list
		}
		body, err := io.ReadAll(res.Body)
		res.Header.Del("Date")
		list = append(list, answer{res.StatusCode, res.Header, string(body), res.Trailer, len(res.TransferEncoding) > 0, res.Close, err != nil})
	}
}

func get(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}
