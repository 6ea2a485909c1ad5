package gateway

import (
	"context"
	"sync"
	"time"
)

// expiryTick is how late a call may end, at most, when its time is over or its
// client has gone. A timer for each call would be exact, and wake a thread for
// each call.
const expiryTick = 100 * time.Millisecond

// expiry ends calls whose time is over.
type expiry struct {
	mu      sync.Mutex
	calls   map[*callContext]struct{}
	running bool // the clock runs
}

// begin gives the call a context that ends with the client's, with the call's
// time if it has one, or when over is called.
func (e *expiry) begin(c *call) (ctx *callContext, over func()) {
	ctx = &callContext{Context: c.r.Context()}
	if c.timeout > 0 {
		ctx.until = c.start.Add(c.timeout)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.calls == nil {
		e.calls = map[*callContext]struct{}{}
	}
	e.calls[ctx] = struct{}{}
	if !e.running {
		e.running = true
		go e.run()
	}
	return ctx, func() {
		e.mu.Lock()
		delete(e.calls, ctx)
		e.mu.Unlock()
		ctx.end(context.Canceled)
	}
}

// run is the clock. It stands still while there is no call.
func (e *expiry) run() {
	ticks := time.NewTicker(expiryTick)
	defer ticks.Stop()
	for now := range ticks.C {
		e.mu.Lock()
		if len(e.calls) == 0 {
			e.running = false
			e.mu.Unlock()
			return
		}
		var over []*callContext
		for l := range e.calls {
			if !l.until.IsZero() && now.After(l.until) || l.Context.Err() != nil {
				over = append(over, l)
			}
		}
		e.mu.Unlock()
		for _, l := range over {
			if err := l.Context.Err(); err != nil {
				l.end(err)
			} else {
				l.end(context.DeadlineExceeded)
			}
		}
	}
}

// callContext is the context of a call: that of its request, looked at by a clock
// instead of watched.
type callContext struct {
	context.Context
	until time.Time // zero: no limit

	mu    sync.Mutex
	err   error
	done  chan struct{} // made when somebody asks
	after map[*func()]struct{}
}

func (l *callContext) Deadline() (time.Time, bool) { return l.until, !l.until.IsZero() }

func (l *callContext) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = make(chan struct{})
		if l.err != nil {
			close(l.done)
		}
	}
	return l.done
}

func (l *callContext) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// AfterFunc is what context.AfterFunc asks for; without it that would start a
// goroutine for each call.
func (l *callContext) AfterFunc(f func()) (stop func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		go f()
		return func() bool { return false }
	}
	if l.after == nil {
		l.after = map[*func()]struct{}{}
	}
	key := &f
	l.after[key] = struct{}{}
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		_, waits := l.after[key]
		delete(l.after, key)
		return waits
	}
}

// end ends it once.
func (l *callContext) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.err = err
	if l.done != nil {
		close(l.done)
	}
	for f := range l.after {
		go (*f)()
	}
	l.after = nil
}
