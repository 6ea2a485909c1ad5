package plain

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// size is how many bytes a plain request may have.
const size = 4 << 10

// conn is a connection. One goroutine serves it, and the clock looks at it.
type conn struct {
	s  *Server
	nc net.Conn

	since  atomic.Int64 // the call under way, Unix nanoseconds; 0 for none
	until  atomic.Int64 // what the client may take; 0 for as long as it likes
	cancel atomic.Pointer[context.CancelFunc]
}

var past = time.Unix(1, 0)

// interrupt ends a Read or Write that waits, and all that follow.
func (c *conn) interrupt() { _ = c.nc.SetDeadline(past) }

// look ends what has waited too long, and the call of a client that has gone.
func (c *conn) look(now time.Time) {
	if until := c.until.Load(); until != 0 && now.UnixNano() > until {
		c.interrupt()
	}
	if since := c.since.Load(); since != 0 && now.UnixNano()-since > int64(tick) && c.gone() {
		if cancel := c.cancel.Load(); cancel != nil {
			(*cancel)()
		}
	}
}

// gone reports that the client has closed its side. What it may have sent before
// hides that.
func (c *conn) gone() bool {
	s, ok := c.nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return true
	}
	var n int
	var got error
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, got = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err != nil || got == nil && n == 0 || got != nil && got != syscall.EAGAIN && got != syscall.EINTR
}

var buffers = sync.Pool{New: func() any { return new([size]byte) }}

// serve answers plain requests until there is none, and hands the connection
// over at the first that is not.
func (c *conn) serve() {
	defer c.s.leave(c)
	b := buffers.Get().(*[size]byte)
	have := 0
	from := bufio.NewReader(nil)
	for {
		if have == 0 {
			c.wait(c.s.Other.IdleTimeout)
			n, err := c.nc.Read(b[:])
			if have = n; n == 0 {
				_, _ = err, c.nc.Close()
				return
			}
			c.until.Store(0)
		}
		n := whole(b[:have], c.s.Prefix)
		if n == 0 {
			c.s.others.give(c.nc, bytes.Clone(b[:have]))
			return
		}
		from.Reset(bytes.NewReader(b[:n]))
		r, err := http.ReadRequest(from)
		if err != nil { // whole knows better what is plain
			c.s.others.give(c.nc, bytes.Clone(b[:have]))
			return
		}
		if !c.answer(r) {
			_ = c.nc.Close()
			return
		}
		have = copy(b[:], b[n:have])
	}
}

// wait gives the client a time to send or take something; 0 is any.
func (c *conn) wait(d time.Duration) {
	if d == 0 {
		c.until.Store(0)
		return
	}
	c.until.Store(time.Now().Add(d).UnixNano())
}

// answer has the request answered and tells whether another may follow.
func (c *conn) answer(r *http.Request) (more bool) {
	ctx, cancel := context.WithCancel(context.Background())
	r.RemoteAddr = c.nc.RemoteAddr().String()
	w := &response{c: c, r: r, header: make(http.Header, 8)}
	c.cancel.Store(&cancel)
	c.since.Store(time.Now().UnixNano())
	defer func() {
		c.since.Store(0)
		c.cancel.Store(nil)
		cancel()
		if p := recover(); p != nil {
			more = false
			if p != http.ErrAbortHandler {
				c.s.log("a handler panicked", "panic", p, "stack", string(debug.Stack()))
			}
		}
		w.release()
		c.until.Store(0)
	}()
	c.s.Handler.ServeHTTP(w, r.WithContext(ctx))
	return w.finish()
}

var _ io.Writer = (*response)(nil)
