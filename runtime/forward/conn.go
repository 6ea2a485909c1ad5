package forward

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"
)

// conn is a connection. Its buffers are lent to it for the time of a call.
type conn struct {
	net.Conn
	s       *Server
	in      *bufio.Reader
	allow   int64 // bytes that may still be read
	since   time.Time
	unheard bool // nothing of an answer has come
}

// long past: a deadline that ends what waits.
var past = time.Unix(1, 0)

// interrupt ends what waits on the connection.
func (c *conn) interrupt() { _ = c.SetDeadline(past) }

// Read reads no more than is allowed.
func (c *conn) Read(b []byte) (int, error) {
	if c.allow <= 0 {
		return 0, ErrHead
	}
	b = b[:min(int64(len(b)), c.allow)]
	n, err := c.Conn.Read(b)
	c.allow -= int64(n)
	c.unheard = c.unheard && n == 0
	return n, err
}

const buffer = 4 << 10

var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, buffer) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, buffer) }}
)

// take gives the connection that was used last, or a new one; kept tells which.
func (s *Server) take(ctx context.Context) (c *conn, kept bool, err error) {
	for {
		s.mu.Lock()
		n := len(s.idle)
		if n == 0 {
			s.mu.Unlock()
			break
		}
		c := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		if time.Since(c.since) < Rest && c.quiet() {
			return c, true, nil
		}
		_ = c.Close()
	}
	raw, err := s.dial(ctx)
	if err != nil {
		return nil, false, err
	}
	return &conn{Conn: raw, s: s}, false, nil
}

// keep gives the connection back after a call.
func (c *conn) keep() {
	s := c.s
	c.since = time.Now()
	s.mu.Lock()
	full := s.closed || len(s.idle) >= MaxIdle
	if !full {
		s.idle = append(s.idle, c)
		if s.tidy == nil {
			s.tidy = time.AfterFunc(Rest, s.closeRested)
		}
	}
	s.mu.Unlock()
	if full {
		_ = c.Close()
	}
}

// closeRested closes the connections that have rested long enough, and comes
// again while there are others: nothing is left to do, or to keep, once calls
// have ceased.
func (s *Server) closeRested() {
	s.mu.Lock()
	n := 0
	for n < len(s.idle) && time.Since(s.idle[n].since) >= Rest { // the last one was used last
		n++
	}
	old := slices.Clone(s.idle[:n])
	s.idle = slices.Delete(s.idle, 0, n)
	s.tidy = nil
	if len(s.idle) > 0 {
		s.tidy = time.AfterFunc(Rest-time.Since(s.idle[0].since), s.closeRested)
	}
	s.mu.Unlock()
	for _, c := range old {
		_ = c.Close()
	}
}

// quiet reports that the other side has neither closed the connection nor sent
// what nobody asked for: such bytes would be taken for the next call's answer. A
// Read with a deadline would tell as well, and park the goroutine for it. A byte
// that is read is lost, and with it the connection.
func (c *conn) quiet() bool {
	s, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	var got error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, got = syscall.Read(int(fd), b[:]) // does not block: package net's never do
		return true
	})
	return err == nil && got == syscall.EAGAIN
}

// release gives the reader back.
func (c *conn) release() {
	if c.in != nil {
		c.in.Reset(nil)
		readers.Put(c.in)
		c.in = nil
	}
}

var _ http.RoundTripper = (*Server)(nil)
