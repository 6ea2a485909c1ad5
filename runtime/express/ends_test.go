package express

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Begin implements Carrier. /NAME calls the function of that name; what comes
// after a question mark says how: see may and Until.
func (r *rig) Begin(q *Request, _ string, dst []byte) (Call, []byte) {
	path, how, _ := strings.Cut(string(q.Target), "?")
	name, _, _ := strings.Cut(path[1:], "/")
	if name == "inside" || how == "inside" {
		r.stepIn()
	}
	switch name {
	case "inside":
		return nil, refuse(dst)
	case "refuse":
		r.refused.Add(1)
		var callers [4 << 10]uintptr
		r.deepest.Store(max(r.deepest.Load(), int64(runtime.Callers(0, callers[:]))))
		return nil, refuse(dst)
	case "elsewhere":
		return nil, nil
	}
	may(how, "begin")
	c := &call{r: r, q: q, socket: name, how: how}
	r.mu.Lock()
	r.calls = append(r.calls, c)
	r.mu.Unlock()
	return c, nil
}

// stepIn does what a test wants done on the loop's thread.
func (r *rig) stepIn() {
	select {
	case do := <-r.inside:
		do()
	case <-r.closed:
	}
}

func refuse(dst []byte) []byte {
	return append(dst, "HTTP/1.1 503 no\r\nContent-Length: 0\r\n\r\n"...)
}

// call is one that the rig carries.
type call struct {
	r           *rig
	q           *Request
	socket, how string
	ends        atomic.Int32
}

// may panics where the request says so.
func may(how, where string) {
	if how == "panic-"+where {
		panic("as was asked, in " + where)
	}
}

func (c *call) Socket() string { may(c.how, "socket"); return c.socket }

func (c *call) Until() time.Time {
	may(c.how, "until")
	if c.how == "soon" {
		return time.Now()
	}
	return time.Now().Add(time.Hour)
}

func (c *call) Request(dst []byte) []byte {
	may(c.how, "request")
	q := c.q
	return fmt.Appendf(dst, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", q.Method, q.Target, q.Host, len(q.Body), q.Body)
}

func (c *call) Answer(dst []byte, a *Answer) ([]byte, bool) {
	may(c.how, "answer")
	dst = fmt.Appendf(dst, "HTTP/1.1 %d x\r\n", a.Status)
	if a.Last {
		dst = append(dst, "Connection: close\r\n"...)
	}
	switch {
	case a.Chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case a.Status != http.StatusNoContent:
		dst = fmt.Appendf(dst, "Content-Length: %d\r\n", len(a.Body))
	}
	return append(append(dst, "\r\n"...), a.Body...), c.how != "not-here"
}

func (c *call) End(status int) {
	c.ends.Add(1)
	c.r.ended <- status
	may(c.how, "end")
}

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
