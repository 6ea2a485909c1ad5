// Package plain serves the plainest of HTTP/1.1 requests: those that are whole in
// the first bytes that come, with nothing in them that readers of HTTP are known
// to differ about. A loop of package express carries them while it can; else
// they are served on one goroutine for a connection, without timers. At the
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

	"fnstore/runtime/express"
)

// Server serves Handler. Its other requests, and its bounds, are Other's, whose
// Handler is usually the same.
type Server struct {
	Handler http.Handler
	Prefix  string // of the paths of plain requests
	Other   *http.Server
	Carrier express.Carrier // carries calls on loops; nil for none
	// Tick is how often connections are looked at: how late one that rests is
	// closed, and how late a call learns that its client has gone. 0 is half a
	// second.
	Tick time.Duration

	closing atomic.Bool // takes nobody who is owed nothing
	closed  atomic.Bool // takes nobody

	mu      sync.Mutex
	conns   map[*conn]struct{}
	looking bool          // the clock runs
	left    chan struct{} // closed when closing and no connection is left
	carried int           // connections that are the loops'
	others  *handover
	loops   []*express.Loop
	turn    atomic.Uint32 // of the loops to take the next connection
}

// Serve accepts connections until Shutdown or Close, and then returns
// http.ErrServerClosed. It is called once.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closing.Load() {
		s.mu.Unlock()
		_ = l.Close()
		return http.ErrServerClosed
	}
	s.conns, s.left = map[*conn]struct{}{}, make(chan struct{})
	s.others = &handover{Listener: l, conns: make(chan net.Conn), done: make(chan struct{})}
	s.startLoops()
	s.mu.Unlock()
	over := make(chan error, 1)
	go func() { over <- s.Other.Serve(s.others) }()
	for pause := time.Duration(0); ; {
		c, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			if remote := c.RemoteAddr().String(); !s.carry(c, remote) {
				if c := s.enter(c, remote, false); c != nil {
					go c.serve(nil)
				}
			}
		case s.closing.Load():
			return http.ErrServerClosed
		case errors.Is(err, net.ErrClosed):
			_ = s.others.Close()
			<-over
			return err
		default: // too many open files, say: it will pass, and nobody would start us again
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			slog.Warn("cannot accept connections", "cause", err, "again in", pause)
			time.Sleep(pause)
		}
	}
}

// enter begins to look after a connection. Once the server closes it takes those
// alone that something is owed.
func (s *Server) enter(nc net.Conn, remote string, owed bool) *conn {
	c := &conn{s: s, nc: nc, remote: remote}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() || s.closing.Load() && !owed {
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
	s.last()
}

// last closes left when nobody is left. The caller holds mu.
func (s *Server) last() {
	if s.closing.Load() && len(s.conns) == 0 && s.carried == 0 {
		close(s.left)
	}
}

func (s *Server) tick() time.Duration {
	if s.Tick > 0 {
		return s.Tick
	}
	return 500 * time.Millisecond
}

// look is the clock. It stands still while there is no connection.
func (s *Server) look() {
	ticks := time.NewTicker(s.tick())
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
	left := s.end((*conn).rest, (*express.Loop).Drain)
	defer s.end((*conn).rest, (*express.Loop).Close) // the threads
	err := s.Other.Shutdown(ctx)
	select {
	case <-left:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends every connection.
func (s *Server) Close() error {
	s.closed.Store(true)
	s.end(func(c *conn) { _ = c.nc.Close() }, (*express.Loop).Close)
	return s.Other.Close()
}

// end ends Serve and tells each connection. What it gives is closed when none
// is left.
func (s *Server) end(tell func(*conn), loop func(*express.Loop)) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.closing.Swap(true)
	if s.left == nil { // never served
		s.left = make(chan struct{})
	}
	if s.others != nil {
		_ = s.others.Listener.Close()
	}
	if first {
		s.last()
	}
	for c := range s.conns {
		tell(c)
	}
	for _, l := range s.loops {
		loop(l)
	}
	return s.left
}
