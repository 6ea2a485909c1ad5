package docker

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"fnstore/runtime/provider"
)

// supervisor runs the containers of one replica, one at a time. A container that dies is replaced by one with
// another address; a call that comes meanwhile waits here for it and is not
// refused, as it would in the queue of a socket that outlives a process.
type supervisor struct {
	p  *program
	id string

	mu      sync.Mutex
	current *container    // that can serve; nil while none can
	changed chan struct{} // closed, and made anew, when current is another
}

// Start starts a container that has never run.
func (s *supervisor) Start(ctx context.Context) (provider.Replica, error) {
	id, err := s.p.takeContainer(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.start(ctx, id)
	if absent(err) { // somebody removed it while the function was at zero
		if id, err = s.p.takeContainer(ctx); err == nil {
			c, err = s.start(ctx, id)
		}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Close has a container created for the next start.
func (s *supervisor) Close() { s.p.prewarm() }

func (s *supervisor) set(c *container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = c
	close(s.changed)
	s.changed = make(chan struct{})
}

// leave takes the container out, unless another is there already.
func (s *supervisor) leave(c *container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == c {
		s.current = nil
	}
}

// retryInterval is how long a refused connection waits before the next try, unless
// another container is there before.
const retryInterval = 5 * time.Millisecond

var errNoContainer = errors.New("no container took the connection")

// dial connects to whichever container serves now. One that refuses has
// just died or is about to.
func (s *supervisor) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, provider.HoldTimeout, errNoContainer)
	defer cancel()
	for {
		s.mu.Lock()
		c, changed := s.current, s.changed
		s.mu.Unlock()
		var retry <-chan time.Time
		if c != nil {
			conn, err := c.dial(ctx)
			if err == nil {
				return conn, nil
			}
			retry = time.After(retryInterval)
		}
		select {
		case <-changed:
		case <-retry:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
