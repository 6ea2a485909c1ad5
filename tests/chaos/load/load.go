// Package load sends calls when a plan says so, whatever the answers before
// take: a caller that has to wait counts from the moment it wanted to call, so
// a slow system cannot slow its own measurement (no coordinated omission). It
// speaks HTTP/1.1 over connections of its own, so that little of the machine
// goes to the one who measures. It does not know what it calls.
package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Plan is calls at an even rate.
type Plan struct {
	Address string  // host:port
	Request []byte  // the whole of it; every call sends the same bytes
	Rate    float64 // calls a second
	// Conns bounds the connections; 0 means 64. A call that is due while all are
	// taken waits for one, and its wait counts.
	Conns int
	// CallTimeout is how long a call may take from when it was due; 0 means 60 s.
	CallTimeout time.Duration
	Keep        bool // the answers' bodies, at most 256 bytes of each
	// Ended counts the calls that are over, for who wants to see some more of
	// them first.
	Ended *atomic.Int64
}

// Call is one call as its caller saw it.
type Call struct {
	Due    time.Time
	Sent   time.Time     // when its first byte was, zero if it never was
	Took   time.Duration // from Due to the end of the answer
	Status int           // 0: no whole answer, and Err says why
	Code   string        // the problem's, if the body is one
	Retry  bool          // the answer said Retry-After
	Body   string
	Err    error
}

// End is when the call was over.
func (c *Call) End() time.Time { return c.Due.Add(c.Took) }

// Run calls from now on for the length, or until ctx ends, and returns when
// every call has its answer.
func Run(ctx context.Context, p Plan, length time.Duration) []Call {
	if p.Conns == 0 {
		p.Conns = 64
	}
	if p.CallTimeout == 0 {
		p.CallTimeout = time.Minute
	}
	g := &generator{plan: p}
	g.calls = make([]Call, 0, min(int(p.Rate*length.Seconds())+1, 1<<22))
	begun := time.Now()
	for n := 0; ; n++ {
		due := begun.Add(time.Duration(float64(n) / p.Rate * float64(time.Second)))
		if due.Sub(begun) >= length || !pause(ctx, time.Until(due)) {
			break
		}
		g.give(due)
	}
	g.end()
	return g.calls
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// generator hands due calls to connections. The one that was used last is used
// first, so that there are no more of them than are needed.
type generator struct {
	plan Plan

	mu      sync.Mutex
	idle    []*conn
	open    int
	waiting []time.Time // due, and no connection is free
	over    bool
	calls   []Call
	workers sync.WaitGroup
}

func (g *generator) give(due time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch n := len(g.idle); {
	case n > 0:
		c := g.idle[n-1]
		g.idle = g.idle[:n-1]
		c.work <- due
	case g.open < g.plan.Conns:
		g.open++
		c := &conn{plan: &g.plan, work: make(chan time.Time, 1)}
		c.work <- due
		g.workers.Go(func() { g.serve(c) })
	default:
		g.waiting = append(g.waiting, due)
	}
}

// serve makes the calls that are handed to the connection until there are no
// more.
func (g *generator) serve(c *conn) {
	defer c.close()
	for due := range c.work {
		for more := true; more; {
			call := c.call(due)
			due, more = g.next(c, call)
		}
	}
}

// next notes a call and gives one that waits, else puts the connection aside.
func (g *generator) next(c *conn, done Call) (due time.Time, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, done)
	if g.plan.Ended != nil {
		g.plan.Ended.Add(1)
	}
	if len(g.waiting) > 0 {
		due, g.waiting = g.waiting[0], g.waiting[1:]
		return due, true
	}
	if g.over {
		close(c.work)
	} else {
		g.idle = append(g.idle, c)
	}
	return time.Time{}, false
}

// end lets what is under way come to its end.
func (g *generator) end() {
	g.mu.Lock()
	g.over = true
	for _, c := range g.idle {
		close(c.work)
	}
	g.idle = nil
	g.mu.Unlock()
	g.workers.Wait()
}
