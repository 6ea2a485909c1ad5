package express

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// near is a client.
type near struct {
	*net.TCPConn
	t    *testing.T
	in   *bufio.Reader
	last bool // so said the last answer
	lost bool // the first failure tells enough
}

func (r *rig) dial() *near {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.near(c)
}

func (r *rig) near(c net.Conn) *near {
	r.opened(c)
	return &near{TCPConn: c.(*net.TCPConn), t: r.t, in: bufio.NewReader(c)}
}

// opened has the connection closed when the test ends.
func (r *rig) opened(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(patient))
	r.mu.Lock()
	r.ends = append(r.ends, c)
	r.mu.Unlock()
}

func (c *near) say(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Error(err)
	}
}

// hears reads an answer.
func (c *near) hears(status int, body string) {
	c.t.Helper()
	if c.lost {
		return
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.lost = true
		c.t.Errorf("no answer of %d %.80q: %v", status, body, err)
		return
	}
	c.last = res.Close
	got, err := io.ReadAll(res.Body)
	if c.lost = err != nil || res.StatusCode != status || string(got) != body; c.lost {
		c.t.Errorf("%d %.80q %v, want %d %.80q", res.StatusCode, got, err, status, body)
	}
}

// ends waits for the connection's end.
func (c *near) ends() {
	c.t.Helper()
	if b, err := c.in.ReadByte(); err == nil || isTimeout(err) {
		c.t.Errorf("the connection goes on with %q, %v", b, err)
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

// far is a function's end of a connection.
type far struct {
	net.Conn
	in *bufio.Reader
}

// function serves each connection to the name by itself, until it returns.
func (r *rig) function(name string, serve func(*far)) (stop func()) {
	l := listen(r.t, "unix", name)
	r.mu.Lock()
	r.at = append(r.at, l)
	r.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.opened(c)
			go func() {
				defer c.Close()
				serve(&far{c, bufio.NewReader(c)})
			}()
		}
	}()
	return func() { _ = l.Close() }
}

// hear reads a request; it has no target when there is none.
func (f *far) hear() (target, body string) {
	r, err := http.ReadRequest(f.in)
	if err != nil {
		return "", ""
	}
	b, _ := io.ReadAll(r.Body)
	return r.RequestURI, string(b)
}

func (f *far) say(s string) { _, _ = io.WriteString(f.Conn, s) }

// ok is an answer.
func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// echo says what was asked.
func echo(f *far) {
	for {
		target, body := f.hear()
		if target == "" {
			return
		}
		f.say(ok(target + body))
	}
}

func post(target, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
}
