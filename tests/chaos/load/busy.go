package load

import (
	"context"
	"sync"
	"time"
)

// Busy calls over each connection of the plan as soon as the answer before is
// there, for the length: what comes back is as much as can be had with so many
// calls at once. The plan's rate says nothing here.
func Busy(ctx context.Context, p Plan, length time.Duration) []Call {
	if p.CallTimeout == 0 {
		p.CallTimeout = time.Minute
	}
	var (
		mu      sync.Mutex
		all     []Call
		callers sync.WaitGroup
	)
	begun := time.Now()
	for range p.Conns {
		callers.Go(func() {
			c := &conn{plan: &p}
			defer c.close()
			var own []Call
			for ctx.Err() == nil && time.Since(begun) < length {
				own = append(own, c.call(time.Now()))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
		})
	}
	callers.Wait()
	return all
}

// Goodput is how many calls a second were answered 2xx from begun on, for the
// length.
func Goodput(calls []Call, begun time.Time, length time.Duration) float64 {
	n := 0
	for i := range calls {
		c := &calls[i]
		if end := c.End(); c.Status >= 200 && c.Status < 300 && end.After(begun) && end.Before(begun.Add(length)) {
			n++
		}
	}
	return float64(n) / length.Seconds()
}
