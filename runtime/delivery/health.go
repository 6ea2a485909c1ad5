package delivery

import "time"

// When a function counts as failing, and what may be tried then.
const (
	// tripAfter is how many attempts fail one after the other, without one that
	// succeeds between, before a circuit opens; tripMessages is of how many
	// messages they must be, so that one bad message stops nobody.
	tripAfter    = 10
	tripMessages = 5
	// retryShare is what of its first deliveries a failing function gets as
	// retries: calls are at most 1.1 times arrivals.
	retryShare = 0.1
	// retryReserve is how many retries it gets before any of that; one comes
	// back each retryRefill.
	retryReserve = 10
	retryRefill  = time.Minute
	// maxRetries bounds what is saved up.
	maxRetries = 100
	// weight is how much the latest answer counts in the share of failures.
	weight = 0.1
)

// health is what a worker knows of a function from its answers. It decides when
// the circuit opens and how many retries a failing function gets.
type health struct {
	failed  map[int64]struct{} // messages that failed since the last success
	streak  int                // attempts that failed since
	share   float64            // of failures, of late
	retries float64            // that may be made while it fails
	refill  time.Time          // when the reserve was last filled up
	open    bool               // the circuit is open, for all this worker knows
	opened  time.Time          // when this worker opened it, or saw a probe
}

func newHealth(now time.Time) *health {
	return &health{failed: map[int64]struct{}{}, retries: retryReserve, refill: now}
}

// opening is how long after a circuit opened messages may still come that were
// claimed before.
const opening = time.Second

// waits reports whether a message that is no probe has to wait for the circuit.
// One that was claimed later shows that the circuit was closed since, by an
// operator or another worker.
func (h *health) waits(claimed time.Time) bool {
	if h.open && claimed.After(h.opened.Add(opening)) {
		h.ok()
	}
	return h.open
}

// mayRetry reports whether a message that was delivered before may be again, and
// counts it. While less than half of the answers are failures it always may.
func (h *health) mayRetry(now time.Time) bool {
	if h.share < 0.5 {
		return true
	}
	if n := now.Sub(h.refill) / retryRefill; n > 0 {
		h.refill = h.refill.Add(n * retryRefill)
		if h.retries < retryReserve {
			h.retries = min(h.retries+float64(n), retryReserve)
		}
	}
	if h.retries < 1 {
		return false
	}
	h.retries--
	return true
}

// began counts a first delivery, which earns retries.
func (h *health) began() { h.retries = min(h.retries+retryShare, maxRetries) }

// ok takes in an answer that does not speak against the function.
func (h *health) ok() (mended bool) {
	clear(h.failed)
	h.streak = 0
	h.share -= h.share * weight
	mended, h.open = h.open, false
	return mended
}

// fail takes in one that does. trips is true once when the circuit is to open.
func (h *health) fail(id int64) (trips bool) {
	h.share += (1 - h.share) * weight
	h.streak++
	if len(h.failed) < tripMessages {
		h.failed[id] = struct{}{}
	}
	if h.open || h.streak < tripAfter || len(h.failed) < tripMessages {
		return false
	}
	h.open, h.opened = true, time.Now()
	return true
}
