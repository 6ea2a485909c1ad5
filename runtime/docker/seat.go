package docker

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"fnstore/runtime/provider"
)

// seat is a replica's place. A container that dies is replaced by one with
// another address; a call that comes meanwhile waits here for it and is not
// refused, as it would in the queue of a socket that outlives a process.
type seat struct {
	p  *program
	id string

	mu      sync.Mutex
	now     *container    // that can serve; nil while none can
	changed chan struct{} // closed, and made anew, when now is another
}

// Start starts a container that has never run.
func (s *seat) Start(ctx context.Context) (provider.Replica, error) {
	id, err := s.p.take(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.start(ctx, id)
	if absent(err) { // somebody cleared it away while the function slept
		if id, err = s.p.take(ctx); err == nil {
			c, err = s.start(ctx, id)
		}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Close has a container made for the next who wakes the function.
func (s *seat) Close() { s.p.stock() }

func (s *seat) set(c *container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = c
	close(s.changed)
	s.changed = make(chan struct{})
}

// leave takes the container out, unless another is there already.
func (s *seat) leave(c *container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == c {
		s.now = nil
	}
}

// again is how long a refused connection waits before it is tried again, unless
// another container is there before.
const again = 5 * time.Millisecond

var errNobody = errors.New("no container took the connection")

// dial connects to whichever container serves in the seat. One that refuses has
// just died or is about to.
func (s *seat) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, provider.HoldTimeout, errNobody)
	defer cancel()
	for {
		s.mu.Lock()
		c, changed := s.now, s.changed
		s.mu.Unlock()
		var retry <-chan time.Time
		if c != nil {
			conn, err := c.dial(ctx)
			if err == nil {
				return conn, nil
			}
			retry = time.After(again)
		}
		select {
		case <-changed:
		case <-retry:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
