package provider

import (
	"context"
	"fmt"
	"time"
)

// placeTimeout is how long a call may wait for a place when every replica has as
// many calls as its max_inflight allows. One call of a function waits, so that
// nobody waits for two others; it does so because the next call would otherwise
// come only after a place has been empty for a while.
const placeTimeout = 10 * time.Millisecond

// fullError is of a function whose replicas each have so many calls.
type fullError int64

func (e fullError) Error() string {
	return fmt.Sprintf("every replica has as many calls as it takes: %d", int64(e))
}

// MaxInflight is the limit of one replica.
func (e fullError) MaxInflight() int64 { return int64(e) }

// awaitPlace waits for a place in a replica, unless another call does already.
func (f *function) awaitPlace(ctx context.Context, limit int64) (*instance, error) {
	if !f.waits.CompareAndSwap(false, true) {
		return nil, fullError(limit)
	}
	defer f.waits.Store(false)
	late := time.NewTimer(placeTimeout)
	defer late.Stop()
	for {
		if p, _ := f.pick(); p != nil {
			return p, nil
		}
		select {
		case <-f.freed:
		case <-late.C:
			return nil, fullError(limit)
		case <-ctx.Done():
			return nil, fullError(limit)
		}
	}
}

// placeFreed tells the call that waits, if one does.
func (f *function) placeFreed() {
	if f.waits.Load() {
		select {
		case f.freed <- struct{}{}:
		default: // it has been told
		}
	}
}
