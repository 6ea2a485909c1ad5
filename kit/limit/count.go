package limit

import (
	"expvar"
	"fmt"
)

// The metrics, by function and policy. A function server shows the maps of
// package expvar whose names begin with fnstore_ to Prometheus; a key is the
// labels.
var (
	decisions = expvar.NewMap("fnstore_limit_decisions_total")      // by decision
	degraded  = expvar.NewMap("fnstore_limit_degraded")             // 1 while Redis is left alone
	failures  = expvar.NewMap("fnstore_limit_redis_failures_total") // decisions that Redis did not make in time
)

// counts are the series of one policy.
type counts struct {
	allowed, refused                 *expvar.Int // by Redis
	allowedDegraded, refusedDegraded *expvar.Int // by this process, since Redis did not answer
	unavailable                      *expvar.Int // refused, since Redis did not answer
	failures                         *expvar.Int
}

// count finds the series of a policy, and makes them at its first call.
func (l *Limiter) count(p Policy) *counts {
	if c, ok := l.counts.Load(p.Name); ok {
		return c.(*counts)
	}
	labels := fmt.Sprintf("function=%q,policy=%q", l.prefix, p.Name)
	decision := func(d string) *expvar.Int { return series(decisions, labels+fmt.Sprintf(",decision=%q", d)) }
	c, _ := l.counts.LoadOrStore(p.Name, &counts{
		allowed: decision("allowed"), refused: decision("refused"),
		allowedDegraded: decision("allowed_degraded"), refusedDegraded: decision("refused_degraded"),
		unavailable: decision("unavailable"),
		failures:    series(failures, labels),
	})
	degraded.Set(labels, expvar.Func(func() any {
		if l.retryAt.Load() != 0 {
			return 1
		}
		return 0
	}))
	return c.(*counts)
}

// series is the counter of a map by its key. Limiters of one function share it.
func series(m *expvar.Map, key string) *expvar.Int {
	m.Add(key, 0)
	return m.Get(key).(*expvar.Int)
}

// decided counts a decision.
func (c *counts) decided(d Decision) {
	switch {
	case d.Allowed && d.Local:
		c.allowedDegraded.Add(1)
	case d.Allowed:
		c.allowed.Add(1)
	case d.Local:
		c.refusedDegraded.Add(1)
	default:
		c.refused.Add(1)
	}
}
