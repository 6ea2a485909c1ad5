package plain

import (
	"log/slog"
	"net"
	"runtime"
	"time"

	"fnstore/runtime/express"
)

// patience is how long a call may wait for a place in a function that is full.
const patience = 10 * time.Millisecond

// startLoops starts a loop for every two processors: the other ones are the
// functions'. The caller holds mu.
func (s *Server) startLoops() {
	if s.Carrier == nil {
		return
	}
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		l, err := express.Start(express.Config{Carrier: s.Carrier, Prefix: s.Prefix, Idle: s.Other.IdleTimeout, Hold: patience, Over: s.over, Left: s.uncount})
		if err != nil {
			slog.Warn("calls are carried by goroutines", "cause", err)
			return
		}
		s.loops = append(s.loops, l)
	}
}

// carry gives the connection to a loop, and says no when it stays here.
func (s *Server) carry(nc net.Conn, remote string) bool {
	if len(s.loops) == 0 {
		return false
	}
	s.mu.Lock()
	if s.closing.Load() {
		s.mu.Unlock()
		_ = nc.Close()
		return true
	}
	s.carried++
	s.mu.Unlock()
	if s.loops[s.turn.Add(1)%uint32(len(s.loops))].Take(nc, remote) {
		return true
	}
	s.uncount()
	return false
}

// uncount notes that a loop has a connection less.
func (s *Server) uncount() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.carried--
	s.last()
}

// slow is how long a client may take to take up what a loop owed it.
const slow = 10 * time.Second

// over goes on with a connection that has left its loop.
func (s *Server) over(r express.Rest) {
	c := s.enter(r.Conn, r.Conn.RemoteAddr().String(), r.Begun != nil || len(r.Owed) > 0)
	s.uncount()
	if c == nil {
		if r.Begun != nil {
			r.Begun.Close()
		}
		return
	}
	if len(r.Owed) > 0 {
		_ = r.Conn.SetWriteDeadline(time.Now().Add(slow))
		_, err := r.Conn.Write(r.Owed)
		if c.whole = err == nil; !c.whole || r.Last {
			c.hangUp()
			s.leave(c)
			return
		}
		_ = r.Conn.SetWriteDeadline(time.Time{})
	}
	if r.Begun == nil {
		c.serve(r.Read)
		return
	}
	c.resume(r)
}
