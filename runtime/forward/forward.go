// Package forward sends HTTP/1.1 requests to one server and reads the answers on
// the goroutine that asks, over connections that it keeps. http.Transport has
// two goroutines more for each connection, and for a short call waking them
// takes longer than the call. It does not know who calls, or what a request or
// an answer means.
package forward

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Bounds of what a server may say, and of what is kept for it.
const (
	MaxHead     = 128 << 10        // bytes of an answer's head, the hints before it included
	maxIdle     = 256              // connections that no call uses
	idleTimeout = 30 * time.Second // that such a one is kept for
	inline      = 16 << 10         // bytes of a body that is sent before the answer is read
	maxHints    = 5                // 1xx answers before the answer, as many as http.Transport takes
)

// ErrHeadTooLong is of an answer whose head is longer than MaxHead.
var ErrHeadTooLong = errors.New("the head of the answer is too long")

// Dial opens a connection to the server.
type Dial func(context.Context) (net.Conn, error)

// Server is an http.RoundTripper to one server, whatever host a request names.
// Make one with To.
type Server struct {
	dial Dial

	mu     sync.Mutex
	idle   []*conn     // the last one was used last
	reaper *time.Timer // closes what has rested; nil when nothing rests
	closed bool
}

// To makes the way to the server that dial reaches.
func To(dial Dial) *Server { return &Server{dial: dial} }

// ToSocket makes the way to the server that listens at a unix socket.
func ToSocket(path string) *Server {
	return To(func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	})
}

// CloseIdleConnections closes what no call uses.
func (s *Server) CloseIdleConnections() {
	s.mu.Lock()
	idle := s.idle
	s.idle = nil
	if s.reaper != nil {
		s.reaper.Stop()
		s.reaper = nil
	}
	s.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}

// Close closes what no call uses, now and when the calls under way have ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.CloseIdleConnections()
}

// RoundTrip implements http.RoundTripper. It sends the request once; only one
// without a body, whose method is safe (RFC 9110 section 9.2.1), goes over a new
// connection when a kept one turns out to be closed.
//
// A body of more than 16 KiB, or of unknown length, is sent while the answer is
// read already. Closing it must end a Read of it that waits: when RoundTrip has
// failed, or the answer's body is closed, the request's body is read no more.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		c, reused, err := s.get(r.Context())
		if err != nil {
			closeBody(r)
			return nil, err
		}
		res, err := c.call(r)
		if err == nil {
			return res, nil
		}
		_ = c.Close()
		if !reused || !c.silent || !repeatable(r) || r.Context().Err() != nil {
			closeBody(r)
			return nil, err
		}
	}
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// repeatable reports that sending the request twice is no more than once.
func repeatable(r *http.Request) bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		return bodyless(r)
	}
	return false
}

func bodyless(r *http.Request) bool {
	return r.ContentLength == 0 && (r.Body == nil || r.Body == http.NoBody)
}

// call sends the request and reads the head of its answer. The connection is
// the answer's from then on.
func (c *conn) call(r *http.Request) (*http.Response, error) {
	return c.finish(r, func() (*sending, *http.Response, error) { return c.exchange(r) })
}

// finish makes the exchange, within the request's time, and an answer of what
// came of it.
func (c *conn) finish(r *http.Request, exchange func() (*sending, *http.Response, error)) (*http.Response, error) {
	ctx := r.Context()
	stop := context.AfterFunc(ctx, c.interrupt)
	sent, res, err := exchange()
	if err != nil {
		stop()
		_ = c.Close()
		sent.end(r)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case sent.failed() != nil:
			return nil, sent.failed() // the caller's body was at fault
		}
		return nil, err
	}
	a := &answer{c: c, r: r, sent: sent, stop: stop, from: res.Body, last: res.Close || r.Close}
	if res.StatusCode == http.StatusSwitchingProtocols {
		res.Body = &tunnel{a}
		return res, nil
	}
	res.Body = a
	if res.ContentLength == 0 || a.from == http.NoBody {
		a.finish()
	}
	return res, nil
}
