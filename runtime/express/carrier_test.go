package express

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// Begin implements Carrier. /NAME calls the function of that name; what comes
// after a question mark says how: see may and Until.
func (r *rig) Begin(q *Request, _ string, dst []byte, late bool) (Call, []byte, string) {
	path, how, _ := strings.Cut(string(q.Target), "?")
	name, _, _ := strings.Cut(path[1:], "/")
	if name == "inside" || how == "inside" {
		r.stepIn()
	}
	switch name {
	case "inside":
		return nil, refuse(dst), ""
	case "refuse":
		r.refused.Add(1)
		var callers [4 << 10]uintptr
		r.deepest.Store(max(r.deepest.Load(), int64(runtime.Callers(0, callers[:]))))
		return nil, refuse(dst), ""
	case "elsewhere":
		return nil, nil, ""
	}
	if limit := strings.HasPrefix(name, "narrow"); limit && r.places.Add(-1) < 0 {
		r.places.Add(1)
		if late {
			return nil, refuse(dst), ""
		}
		return nil, nil, name
	}
	may(how, "begin")
	c := &call{r: r, q: q, socket: name, how: how}
	r.mu.Lock()
	r.calls = append(r.calls, c)
	r.mu.Unlock()
	return c, nil, ""
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
