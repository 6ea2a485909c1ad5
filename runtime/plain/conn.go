package plain

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fnstore/runtime/express"
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
	whole      bool // the last answer came to its end
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
// over at the first that is not. Some bytes may have come already.
func (c *conn) serve(came []byte) {
	defer c.s.leave(c)
	b := buffers.Get().(*[size]byte)
	defer buffers.Put(b)
	var q express.Request
	for brief := 0; ; {
		if len(came) == 0 {
			if brief >= settled {
				if c.s.carry(c.nc, c.remote) {
					return
				}
				brief = 0
			}
			n := c.read(b)
			if n == 0 {
				_ = c.nc.Close()
				return
			}
			came = b[:n]
		}
		n, _ := q.Read(came, c.s.Prefix)
		from := readers.Get().(*bufio.Reader)
		from.Reset(bytes.NewReader(came[:n]))
		r, err := http.ReadRequest(from)
		if err != nil { // n is 0, or an escape in the path is none
			c.s.others.give(c.nc, bytes.Clone(came))
			return
		}
		more, short := c.answer(context.Background(), r)
		readers.Put(from)
		if !more {
			c.hangUp()
			return
		}
		if brief++; !short {
			brief = 0
		}
		came = came[n:]
	}
}

// settled is after how many short answers a connection goes back to its loop.
const settled = 8

// resume has the call answered that a loop has begun, and goes on behind it.
func (c *conn) resume(rest express.Rest) {
	var q express.Request
	n, _ := q.Read(rest.Read, c.s.Prefix) // as the loop has read it
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(rest.Read[:n])))
	if err != nil { // a target that net/http does not take has not been begun
		rest.Begun.Close()
		_ = c.nc.Close()
		c.s.leave(c)
		return
	}
	if more, _ := c.answer(express.With(context.Background(), rest.Begun), r); !more {
		c.hangUp()
		c.s.leave(c)
		return
	}
	c.serve(rest.Read[n:])
}

// hangUp closes the connection. A client that is still sending has a moment to
// read its answer, which a reset would take away.
func (c *conn) hangUp() {
	if c.whole {
		if t, ok := c.nc.(interface{ CloseWrite() error }); ok && t.CloseWrite() == nil {
			_ = c.nc.SetReadDeadline(time.Now().Add(c.s.tick()))
			_, _ = io.CopyN(io.Discard, c.nc, 64<<10)
		}
	}
	_ = c.nc.Close()
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

// answer has the request answered. It tells whether another may follow, and
// whether the answer was a short one.
func (c *conn) answer(ctx context.Context, r *http.Request) (more, short bool) {
	r.RemoteAddr = c.remote
	ctx, cancel := context.WithCancel(ctx)
	w := &response{c: c, r: r, header: make(http.Header, 8), last: r.Close || c.s.closing.Load()}
	c.whole = false
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
	short = w.out == nil // until now
	c.whole = w.finish()
	return c.whole && !w.last, short
}
