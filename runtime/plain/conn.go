package plain

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
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
	s      *Server
	nc     net.Conn
	remote string

	since      atomic.Int64 // when the call under way began, Unix nanoseconds; 0 for none
	readUntil  atomic.Int64 // how long a resting client may rest; 0 for as long as it likes
	writeUntil atomic.Int64 // how long a client may take to take what is being written
	writing    atomic.Bool
	cancel     atomic.Pointer[context.CancelFunc]
}

var past = time.Unix(1, 0)

// rest ends a connection that rests, and one that does not after its answer.
func (c *conn) rest() { _ = c.nc.SetReadDeadline(past) }

// look ends what has waited too long, and the call of a client that has gone.
func (c *conn) look(now time.Time) {
	if until := c.readUntil.Load(); until != 0 && now.UnixNano() > until {
		c.rest()
	}
	if until := c.writeUntil.Load(); until != 0 && now.UnixNano() > until && c.writing.Load() {
		_ = c.nc.SetDeadline(past)
	}
	if since := c.since.Load(); since != 0 && now.UnixNano()-since > int64(c.s.tick()) && c.gone() {
		if cancel := c.cancel.Load(); cancel != nil {
			(*cancel)()
		}
	}
}

// Write writes to the client, within the time that SetWriteDeadline gave.
func (c *conn) Write(b []byte) (int, error) {
	c.writing.Store(true)
	n, err := c.nc.Write(b)
	c.writing.Store(false)
	return n, err
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

var (
	buffers = sync.Pool{New: func() any { return new([size]byte) }}
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, size) }}
)

// serve answers plain requests until there is none, and hands the connection
// over at the first that is not.
func (c *conn) serve() {
	defer c.s.leave(c)
	b := buffers.Get().(*[size]byte)
	defer buffers.Put(b)
	for have := 0; ; {
		if have == 0 {
			if have = c.read(b); have == 0 {
				_ = c.nc.Close()
				return
			}
		}
		n := whole(b[:have], c.s.Prefix)
		from := readers.Get().(*bufio.Reader)
		from.Reset(bytes.NewReader(b[:n]))
		r, err := http.ReadRequest(from)
		if err != nil { // n is 0, or an escape in the path is none
			c.s.others.give(c.nc, bytes.Clone(b[:have]))
			return
		}
		more := c.answer(r)
		readers.Put(from)
		if !more {
			_ = c.nc.Close()
			return
		}
		have = copy(b[:], b[n:have])
	}
}

// read waits for the client as long as one may rest.
func (c *conn) read(b *[size]byte) int {
	if d := c.s.Other.IdleTimeout; d > 0 {
		c.readUntil.Store(time.Now().Add(d).UnixNano())
	}
	n, _ := c.nc.Read(b[:])
	c.readUntil.Store(0)
	return n
}

// answer has the request answered and tells whether another may follow.
func (c *conn) answer(r *http.Request) (more bool) {
	r.RemoteAddr = c.remote
	ctx, cancel := context.WithCancel(context.Background())
	w := &response{c: c, r: r, header: make(http.Header, 8), last: c.s.closing.Load()}
	c.cancel.Store(&cancel)
	c.since.Store(time.Now().UnixNano())
	defer func() {
		c.since.Store(0)
		c.cancel.Store(nil)
		cancel()
		if p := recover(); p != nil {
			more = false
			if p != http.ErrAbortHandler {
				slog.Error("a handler panicked", "panic", p, "stack", string(debug.Stack()))
			}
		}
		w.release()
		c.writeUntil.Store(0)
	}()
	c.s.Handler.ServeHTTP(w, r.WithContext(ctx))
	return w.finish()
}
