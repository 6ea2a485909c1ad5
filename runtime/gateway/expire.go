package gateway

import (
	"context"
	"sync"
	"time"
)

// expiryTick is how late a call may end, at most. A timer for each call would
// be exact, and wake a thread for each call.
const expiryTick = 100 * time.Millisecond

// expiry ends calls whose time is over.
type expiry struct {
	mu      sync.Mutex
	ends    map[*call]context.CancelCauseFunc
	looking bool // the clock runs
}

// begin gives the call a context that ends with the client's, with the call's
// time, or when over is called.
func (e *expiry) begin(c *call) (ctx context.Context, over func()) {
	ctx, cancel := context.WithCancelCause(c.r.Context())
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ends == nil {
		e.ends = map[*call]context.CancelCauseFunc{}
	}
	e.ends[c] = cancel
	if !e.looking {
		e.looking = true
		go e.look()
	}
	return ctx, func() {
		e.mu.Lock()
		delete(e.ends, c)
		e.mu.Unlock()
		cancel(context.Canceled)
	}
}

// look is the clock. It stands still while there is no call.
func (e *expiry) look() {
	ticks := time.NewTicker(expiryTick)
	defer ticks.Stop()
	for now := range ticks.C {
		e.mu.Lock()
		if len(e.ends) == 0 {
			e.looking = false
			e.mu.Unlock()
			return
		}
		for c, cancel := range e.ends {
			if now.Sub(c.start) > c.timeout {
				cancel(context.DeadlineExceeded)
			}
		}
		e.mu.Unlock()
	}
}
