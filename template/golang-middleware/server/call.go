package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The states of a call's answer. Every change is one compare-and-swap, so the
// handler's goroutine and the deadline's never both decide how a call ends:
//
//	fresh ──first byte──▶ begun ──handler returns──▶ done
//	  │                     │
//	  │ deadline            │ deadline
//	  ▼                     ▼
//	expired: 504 sent     aborted: connection reset
const (
	fresh int32 = iota
	begun
	done
	expired
	aborted
)

// call is one request and the http.ResponseWriter that its handler gets. The
// handler runs on the connection's own goroutine and writes straight through:
// nothing is buffered here and no goroutine is made. So a deadline that passes
// while the handler is still busy cannot use the ResponseWriter, whose headers
// the handler may be changing; it writes the 504 to the connection itself, and
// the connection is not used again.
type call struct {
	server   *server
	rw       http.ResponseWriter
	link     *link
	start    time.Time
	limit    time.Duration // 0: none
	id       string
	method   string
	path     string
	trace    string
	logged   bool
	body     body
	expects  bool       // to hear 100 Continue before it sends its body
	due      instant    // when its time is over; 0: never
	returned bool       // the handler came back by itself
	ending   sync.Mutex // held while the deadline's goroutine ends the call
	state    atomic.Int32
	status   atomic.Int32
	bytes    atomic.Int64
	values   [2]string // backs two response headers
}

func newCall(s *server, k *link, w http.ResponseWriter, r *http.Request, logged bool) *call {
	c := &call{
		server: s, rw: w, link: k,
		start:  time.Now(),
		limit:  shorter(r.Header, s.execTimeout),
		id:     takeCallID(r.Header),
		method: r.Method,
		path:   r.URL.EscapedPath(),
		trace:  traceID(r.Header),
		logged: logged,
	}
	if c.limit > 0 {
		c.due = instant(c.start.Add(c.limit).Sub(birth))
	}
	return c
}

// late says whether the call's time is over.
func (c *call) late() bool { return c.limit > 0 && time.Since(c.start) >= c.limit }

// ServeHTTP answers probes itself, sheds what is over max_inflight, and runs
// the handler for the rest.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k, _ := r.Context().Value(linkKey{}).(*link)
	if k.deaf.Load() {
		panic(http.ErrAbortHandler) // the rest of a body, and no request
	}
	if s.probe(k, w, r) {
		return
	}
	c := newCall(s, k, w, r, true)
	// A call past its deadline counts until its handler really returns.
	n := s.inflight.Add(1)
	defer s.inflight.Add(-1)
	if s.maxInflight > 0 && n > s.maxInflight {
		s.refuse(c)
		c.state.Store(done)
		c.log("max_inflight", nil)
		return
	}
	s.run(c, r)
}

// run minds the call's time and sees it to its end, whichever way the handler
// leaves.
func (s *server) run(c *call, r *http.Request) {
	if c.limit > 0 {
		c.link.watch(c)
	}
	if r.ContentLength != 0 {
		r = c.duplex(r)
	}
	defer func() {
		c.end(recover())
		if c.limit > 0 {
			c.link.rest()
		}
		if r.MultipartForm != nil { // net/http cleans up after its own copy of the request only
			r.MultipartForm.RemoveAll()
		}
		c.endConnection()
		c.finish()
	}()
	s.handler.ServeHTTP(c, r)
	c.returned = true
}

// begin is asked before anything is written. A handler that answers because
// its context ended is late, however quick it is.
func (c *call) begin() bool {
	switch c.state.Load() {
	case begun:
		return true
	case fresh:
		if c.late() {
			c.expire()
			return false
		}
		return c.state.CompareAndSwap(fresh, begun)
	}
	return false
}

func (c *call) Header() http.Header { return c.rw.Header() }

// Unwrap serves http.ResponseController.
func (c *call) Unwrap() http.ResponseWriter { return c.rw }

func (c *call) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols || status > 999 {
		if s := c.state.Load(); s == fresh || s == begun {
			c.rw.WriteHeader(status) // informational, or no status and a panic: nothing has begun
		}
		return
	}
	if !c.begin() {
		return
	}
	if c.status.CompareAndSwap(0, int32(status)) {
		var buf [24]byte
		c.values = [2]string{c.id, string(appendSeconds(buf[:0], time.Since(c.start)))}
		h := c.rw.Header()
		h[callIDHeader] = c.values[0:1:1]
		h[durationHeader] = c.values[1:2:2]
	}
	c.rw.WriteHeader(status)
}

func (c *call) Write(b []byte) (int, error) {
	if !c.open() {
		return 0, http.ErrHandlerTimeout
	}
	n, err := c.rw.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

// WriteString spares io.WriteString a copy.
func (c *call) WriteString(s string) (int, error) {
	if !c.open() {
		return 0, http.ErrHandlerTimeout
	}
	n, err := io.WriteString(c.rw, s)
	c.bytes.Add(int64(n))
	return n, err
}

// open is begin for a write, which implies the header.
func (c *call) open() bool {
	if !c.begin() {
		return false
	}
	if c.status.Load() == 0 {
		c.WriteHeader(http.StatusOK)
	}
	return true
}

// Flush and FlushError send what was written so far (http.Flusher,
// http.ResponseController).
func (c *call) Flush() { c.FlushError() }

func (c *call) FlushError() error {
	if !c.open() {
		return http.ErrHandlerTimeout
	}
	return http.NewResponseController(c.rw).Flush()
}

// Hijack hands the connection to the handler (http.Hijacker). From then on no
// deadline of ours cuts it; the context still ends.
func (c *call) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !c.begin() {
		return nil, nil, http.ErrHandlerTimeout
	}
	conn, buf, err := http.NewResponseController(c.rw).Hijack()
	if err == nil {
		c.body.ended.Store(true) // what comes now is the handler's
	}
	if err == nil && c.state.CompareAndSwap(begun, done) {
		c.status.CompareAndSwap(0, http.StatusSwitchingProtocols)
		c.log("", nil)
	}
	return conn, buf, err
}

var chunks = sync.Pool{New: func() interface{} { b := make([]byte, 4<<10); return &b }}

// ReadFrom lets io.Copy use the kernel's sendfile and splice. The first piece
// is read here, since the answer begins when there is something to send.
func (c *call) ReadFrom(src io.Reader) (int64, error) {
	p := chunks.Get().(*[]byte)
	defer chunks.Put(p)
	var sent int64
	for sent == 0 {
		n, err := src.Read(*p)
		if n > 0 {
			m, werr := c.Write((*p)[:n])
			sent += int64(m)
			if werr != nil {
				return sent, werr
			}
		}
		if err == io.EOF {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
	if !c.begin() {
		return sent, http.ErrHandlerTimeout
	}
	n, err := io.Copy(c.rw, src) // c.rw is an io.ReaderFrom
	c.bytes.Add(n)
	return sent + n, err
}

// log writes the call's one line. Only the goroutine that moved the state to
// its end calls it.
func (c *call) log(trouble string, p *panicked) {
	if !c.logged && p == nil {
		return // a probe; one that panics is worth a line
	}
	took, status := time.Since(c.start), int(c.status.Load())
	if c.logged {
		c.server.metrics.count(c.method, status, took)
	}
	n := line{
		at: c.start.Add(took), method: c.method, path: c.path,
		status: status, bytes: c.bytes.Load(), took: took,
		trace: c.trace, trouble: trouble,
	}
	if c.server.logCallID || trouble != "" {
		n.callID = c.id
	}
	if p != nil {
		n.panicked, n.stack = p.value, p.stack
	}
	c.server.lines.write(n)
}
