package provider

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// instance is a replica that takes calls, and the count of them.
type instance struct {
	Replica
	transport http.RoundTripper

	calls   atomic.Int64 // that run in it; negative when it takes no more
	drained sync.Once
	idle    chan struct{} // closed when it takes no more calls and none is left
	rested  func()        // closes idle, once
}

func newInstance(r Replica) *instance {
	p := &instance{Replica: r, transport: r.Transport(), idle: make(chan struct{})}
	p.rested = sync.OnceFunc(func() { close(p.idle) })
	return p
}

// leaving is added to the calls of a replica that takes no more: the count is
// negative from then on, and exactly leaving when none is left.
const leaving = -1 << 40

// begin counts a call in, unless the replica has limit calls (0: any number) or
// is on its way out or gone.
func (p *instance) begin(limit int64) bool {
	for {
		n := p.calls.Load()
		if n < 0 || limit > 0 && n >= limit {
			return false
		}
		if p.calls.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// done counts a call out.
func (p *instance) done() {
	if p.calls.Add(-1) == leaving {
		p.rested()
	}
}

// drain lets no further call in.
func (p *instance) drain() {
	p.drained.Do(func() {
		if p.calls.Add(leaving) == leaving {
			p.rested()
		}
	})
}

// retire lets the calls end and then stops the replica. Calls may take as long
// as the function allows them; once hurry is closed, hurried at most.
func (p *instance) retire(limit time.Duration, hurry <-chan struct{}) {
	p.drain()
	short := min(limit, hurried)
	select {
	case <-p.idle:
	case <-p.Exited():
	case <-time.After(limit):
	case <-hurry:
		select {
		case <-p.idle:
		case <-p.Exited():
		case <-time.After(short):
		}
	}
	p.Stop(short)
}

// hurried is how long calls that run may take to end when the function is
// removed or the store stops.
const hurried = 30 * time.Second

// grace is how long a call that has begun may take to end when another replica
// takes over: the function's own limit and a little, an hour at most.
func grace(env map[string]string) time.Duration {
	v := env["exec_timeout"]
	d, err := time.ParseDuration(v)
	if err != nil {
		seconds, err := strconv.Atoi(v)
		if err != nil {
			return hurried
		}
		d = time.Duration(seconds) * time.Second
	}
	if d <= 0 {
		return hurried
	}
	return min(d+time.Second, time.Hour)
}
