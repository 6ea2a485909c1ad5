// Package retry does something again that may succeed the next time: a few tries
// with growing pauses of random length, none of them beyond the deadline. It does
// not know what is tried; the error's fault kind says whether again makes sense.
package retry

import (
	"context"
	"math/rand/v2"
	"time"

	"fnstore/kit/fault"
)

// Defaults of a Policy.
const (
	DefaultTries = 3
	DefaultBase  = 100 * time.Millisecond
	maxPause     = 30 * time.Second
)

// Policy is how often and how long. The zero Policy is the defaults.
type Policy struct {
	Tries int           // in all; 0 is DefaultTries
	Base  time.Duration // the pause before try n+1 is random, up to Base × 2ⁿ⁻¹ (full jitter); 0 is DefaultBase

	sleep func(context.Context, time.Duration) error // nil is time's
	pick  func(time.Duration) time.Duration          // nil is rand's
}

// Do calls try until it succeeds, fails in a way that stays (fault.Kind's
// Retriable), or has been called Tries times; n counts from 1. It returns the
// last error. It pauses as long as that error asks for (fault.Error's Wait), if
// that is longer, and not at all if the pause would pass the context's deadline.
func (p Policy) Do(ctx context.Context, try func(n int) error) error {
	tries, base, sleep, pick := p.Tries, p.Base, p.sleep, p.pick
	if tries == 0 {
		tries = DefaultTries
	}
	if base == 0 {
		base = DefaultBase
	}
	if sleep == nil {
		sleep = wait
	}
	if pick == nil {
		pick = func(most time.Duration) time.Duration { return rand.N(most + 1) }
	}
	for n := 1; ; n++ {
		err := try(n)
		if err == nil || n == tries || ctx.Err() != nil {
			return err
		}
		f := fault.Of(err)
		if !f.Kind.Retriable() {
			return err
		}
		pause := max(pick(min(base<<(n-1), maxPause)), f.Wait)
		if until, ok := ctx.Deadline(); ok && time.Until(until) <= pause {
			return err
		}
		if sleep(ctx, pause) != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
