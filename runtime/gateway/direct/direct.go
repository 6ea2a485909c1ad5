// Package direct sends an HTTP/1.1 request and reads its answer on the
// goroutine that asks. http.Transport has two more for each connection, and on
// a busy machine waking them takes longer than the call. It does not do what
// needs them: a body that is long or of unknown length, or a change of
// protocol, goes through an http.Transport.
package direct

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Bounds of what goes the direct way.
const (
	// MaxBody is the longest body of a request, in bytes: it is written before the
	// answer is read, so it has to fit what a socket takes up unread.
	MaxBody = 64 << 10
	maxHead = 2 << 20 // bytes of an answer's head
	maxIdle = 256     // connections kept
	hints   = 5       // 1xx answers before the answer, as many as http.Transport takes
	rest    = 30 * time.Second
)

// Transport is an http.RoundTripper to one place. Make one with New.
type Transport struct {
	other *http.Transport

	mu   sync.Mutex
	idle []*conn // the last one was used last
}

// New makes a Transport that dials as other does, whatever host a request
// names, and hands it what does not go the direct way.
func New(other *http.Transport) *Transport { return &Transport{other: other} }

// CloseIdleConnections closes what no call uses.
func (t *Transport) CloseIdleConnections() {
	t.other.CloseIdleConnections()
	t.mu.Lock()
	idle := t.idle
	t.idle = nil
	t.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}

// RoundTrip implements http.RoundTripper. It tries once: whether a call that
// broke may be repeated is not for a transport to decide.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !fits(r) {
		return t.other.RoundTrip(r)
	}
	ctx := r.Context()
	c, err := t.take(ctx)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	res, err := c.exchange(r)
	if err != nil {
		stop()
		_ = c.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	b := &body{ReadCloser: res.Body, t: t, c: c, ctx: ctx, stop: stop, last: res.Close || r.Close}
	if res.Body == http.NoBody || res.ContentLength == 0 {
		b.end()
		return res, nil
	}
	res.Body = b
	return res, nil
}

func fits(r *http.Request) bool {
	none := r.Body == nil || r.Body == http.NoBody
	return (none && r.ContentLength == 0 || !none && r.ContentLength > 0 && r.ContentLength <= MaxBody) &&
		r.Header["Upgrade"] == nil && r.Header["Expect"] == nil && r.Method != http.MethodConnect
}

// conn is a connection with its buffers.
type conn struct {
	net.Conn
	in    *bufio.Reader
	out   *bufio.Writer
	allow int64 // bytes that may still be read
	since time.Time
}

var errHead = fmt.Errorf("the head of the answer is longer than %d bytes", maxHead)

func (c *conn) Read(b []byte) (int, error) {
	if c.allow <= 0 {
		return 0, errHead
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), c.allow)])
	c.allow -= int64(n)
	return n, err
}

func (c *conn) exchange(r *http.Request) (*http.Response, error) {
	if err := r.Write(c.out); err != nil {
		return nil, err
	}
	if err := c.out.Flush(); err != nil {
		return nil, err
	}
	c.allow = maxHead
	for range hints + 1 {
		res, err := http.ReadResponse(c.in, r)
		switch {
		case err != nil:
			return nil, err
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("an upgrade that nobody asked for")
		case res.StatusCode < 100 || res.StatusCode >= 200:
			c.allow = math.MaxInt64
			return res, nil
		}
	}
	return nil, errors.New("too many 1xx answers")
}

// take gives the connection that was used last, or a new one.
func (t *Transport) take(ctx context.Context) (*conn, error) {
	for {
		t.mu.Lock()
		n := len(t.idle)
		if n == 0 {
			t.mu.Unlock()
			break
		}
		c := t.idle[n-1]
		t.idle = t.idle[:n-1]
		t.mu.Unlock()
		if time.Since(c.since) < rest && c.quiet() {
			return c, nil
		}
		_ = c.Close()
	}
	raw, err := t.other.DialContext(ctx, "tcp", "function:80")
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, out: bufio.NewWriterSize(raw, 4<<10)}
	c.in = bufio.NewReaderSize(c, 4<<10)
	return c, nil
}

// quiet reports that the other side has neither closed the connection nor sent
// what nobody asked for: such bytes would be taken for the next call's answer.
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
		_, _, got = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return err == nil && got == syscall.EAGAIN
}

func (t *Transport) put(c *conn) {
	c.since = time.Now()
	t.mu.Lock()
	if len(t.idle) < maxIdle {
		t.idle = append(t.idle, c)
		c = nil
	}
	t.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
}

// body gives its connection back at its end.
type body struct {
	io.ReadCloser
	t    *Transport
	c    *conn
	ctx  context.Context
	stop func() bool
	last bool // no call comes after this one
	over bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.over {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		b.end()
	case err != nil && b.ctx.Err() != nil:
		err = b.ctx.Err()
	}
	return n, err
}

func (b *body) end() {
	b.over = true
	if !b.stop() || b.last || b.c.in.Buffered() > 0 {
		_ = b.c.Close()
		return
	}
	b.t.put(b.c)
}

// Close gives up what was not read, and the connection with it.
func (b *body) Close() error {
	if !b.over {
		b.over = true
		b.stop()
		return b.c.Close()
	}
	return nil
}
