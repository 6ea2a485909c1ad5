// Package plain serves the plainest of HTTP/1.1 requests on one goroutine for a
// connection, without timers: those that are whole in the first bytes that come,
// with nothing in them that readers of HTTP are known to differ about. At the
// first request that is anything else the connection goes to a net/http.Server,
// with every byte that came. http.Server starts a goroutine and sets deadlines
// for each request, each of which wakes a thread; beside processes that want the
// same processors that costs more than the request. It does not know what is
// asked or answered.
package plain

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// tick is how often connections are looked at: how late an idle one is closed,
// and how late a call learns that its client has gone.
const tick = 500 * time.Millisecond

// Server serves Handler. Its other requests, and its bounds, are Other's, whose
// Handler is usually the same.
type Server struct {
	Handler http.Handler
	Prefix  string // of the paths of plain requests
	Other   *http.Server

	mu      sync.Mutex
	conns   map[*conn]struct{}
	looking bool // the clock runs
	closing bool
	left    chan struct{} // closed when closing and no connection is left
	others  *handover
	ends    []func() // of Serve
}

// Serve accepts connections until Shutdown or Close, and then returns
// http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return http.ErrServerClosed
	}
	if s.conns == nil {
		s.conns, s.left = map[*conn]struct{}{}, make(chan struct{})
	}
	others := &handover{Listener: l, conns: make(chan net.Conn), done: make(chan struct{})}
	s.others = others
	s.ends = append(s.ends, func() { _ = l.Close() })
	s.mu.Unlock()
	over := make(chan error, 1)
	go func() { over <- s.Other.Serve(others) }()
	for {
		c, err := l.Accept()
		if err != nil {
			s.mu.Lock()
			closing := s.closing
			s.mu.Unlock()
			if closing {
				return http.ErrServerClosed
			}
			_ = others.Close()
			<-over
			return err
		}
		if c := s.enter(c); c != nil {
			go c.serve()
		}
	}
}

func (s *Server) enter(nc net.Conn) *conn {
	c := &conn{s: s, nc: nc}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		_ = nc.Close()
		return nil
	}
	s.conns[c] = struct{}{}
	if !s.looking {
		s.looking = true
		go s.look()
	}
	return c
}

func (s *Server) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.closing && len(s.conns) == 0 {
		close(s.left)
	}
}

// look is the clock. It stands still while there is no connection.
func (s *Server) look() {
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for now := range ticks.C {
		s.mu.Lock()
		if len(s.conns) == 0 {
			s.looking = false
			s.mu.Unlock()
			return
		}
		for c := range s.conns {
			c.look(now)
		}
		s.mu.Unlock()
	}
}

// Shutdown takes no new connection, closes those that rest, and returns when the
// others have had their answers or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close(func(c *conn) {
		if c.since.Load() == 0 {
			c.interrupt()
		}
	})
	err := s.Other.Shutdown(ctx)
	if s.left != nil {
		select {
		case <-s.left:
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
	return err
}

// Close ends every connection.
func (s *Server) Close() error {
	s.close(func(c *conn) { _ = c.nc.Close() })
	return s.Other.Close()
}

func (s *Server) close(end func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.closing = true
		for _, f := range s.ends {
			f()
		}
		if s.left != nil && len(s.conns) == 0 {
			close(s.left)
		}
	}
	for c := range s.conns {
		end(c)
	}
}

func (s *Server) log(msg string, args ...any) { slog.Error(msg, args...) }

// handover is the listener of the other server.
type handover struct {
	net.Listener
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handover) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// give hands a connection over with what was read of it.
func (h *handover) give(c net.Conn, read []byte) {
	select {
	case h.conns <- &begun{Conn: c, read: read}:
	case <-h.done:
		_ = c.Close()
	}
}

// begun is a connection of which something was read.
type begun struct {
	net.Conn
	read []byte
	over atomic.Bool
}

func (b *begun) Read(p []byte) (int, error) {
	if b.over.Load() {
		return b.Conn.Read(p)
	}
	n := copy(p, b.read)
	if b.read = b.read[n:]; len(b.read) == 0 {
		b.over.Store(true)
	}
	return n, nil
}
