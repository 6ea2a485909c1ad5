package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"fnstore/kit/fault"
)

// Refusals of calls that are too many.
func overloaded() error {
	return fault.New(fault.Unavailable, "overloaded", "as many calls are under way as this gateway takes; send it again")
}

func functionOverloaded() error {
	return fault.New(fault.Unavailable, "function_overloaded", "as many calls of this function are under way as it may have, so that others keep room; send it again")
}

// share is how many calls one function may have under way.
func (g *Gateway) share() int64 { return int64(g.cfg.MaxInflight - g.cfg.MaxInflight/4) }

// notAcquired answers a call for which no replica could be had. That a function
// is full is said as the function's own server would, in the words that clients
// of OpenFaaS know (contract of OpenFaaS' watchdog), and counted as its answer.
func (c *call) notAcquired(counted *series, err error) {
	var full interface{ MaxInflight() int64 }
	if !errors.As(err, &full) {
		fail(c.w, c.r, err)
		return
	}
	h := c.w.Header()
	c.g.mark(h, c.start)
	h.Set("Content-Type", "text/plain")
	h.Set("Retry-After", "1")
	h.Set(internalHeader, "faas-middleware")
	c.w.WriteHeader(http.StatusTooManyRequests)
	fmt.Fprintf(c.w, "Concurrent request limit exceeded. Max concurrent requests: %d\n", full.MaxInflight())
	c.g.metrics.refused(counted, http.StatusTooManyRequests, time.Since(c.start))
}
