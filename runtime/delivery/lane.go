package delivery

import (
	"context"
	"errors"
	"time"

	"fnstore/kit/queue/lease"
	"fnstore/kit/trace"
)

// A worker leases a few more messages than it may call for at once where calls
// are short, so that the next call does not wait for the next claim. Their bodies
// are in memory meanwhile.
const (
	maxAhead      = 64
	maxAheadBytes = 4 << 20
	shortCall     = 50 * time.Millisecond
)

// lane is a function as a worker sees it: what it has leased, in order, and how
// the function has answered. All of it is guarded by Delivery.mu.
type lane struct {
	Function
	held    int        // leases, from the claim until the outcome is written
	calls   int        // under way
	ready   []*attempt // leased, not begun
	window  *time.Timer
	health  *health
	took    time.Duration // a call, on average
	bytes   float64       // of a message's body, on average
	settled bool          // took is known
}

// attempt is one delivery of one message.
type attempt struct {
	lease.Message
	ctx     context.Context
	cancel  context.CancelCauseFunc
	claimed time.Time
	journey trace.Context // of the message; its span is whoever wrote the message
	step    trace.Context // of the delivery
	answer  *lease.Answer // for its caller, when the call has ended
}

// capacity is how many more messages may be leased.
func (l *lane) capacity() int {
	most := l.Concurrency * l.batch()
	if l.settled && l.took < shortCall {
		most += min(maxAhead, int(maxAheadBytes/max(l.bytes, 1)))
	}
	return most - l.held
}

// low reports whether another claim would come none too early.
func (l *lane) low() bool { return len(l.ready) <= l.Concurrency*l.batch()/2 }

// learn takes in how long a call took.
func (l *lane) learn(took time.Duration) {
	if !l.settled {
		l.took, l.settled = took, true
		return
	}
	l.took += (took - l.took) / 8
}

// next gives the messages of the next call: one, or a batch that is full or has
// waited for long enough. A message that failed in a batch goes alone, and
// nothing is mixed with what the store itself said. wait is how long to wait
// for more when there is none.
func (l *lane) next(now time.Time) (list []*attempt, wait time.Duration) {
	if len(l.ready) == 0 || l.calls >= l.Concurrency {
		return nil, 0
	}
	first := l.ready[0]
	n := 1
	if l.batch() > 1 && first.Attempt == 1 {
		for n < len(l.ready) && n < l.batch() && l.ready[n].Attempt == 1 && l.ready[n].Trusted == first.Trusted {
			n++
		}
		if n == len(l.ready) && n < l.batch() {
			if wait = l.BatchWindow - now.Sub(first.claimed); wait > 0 {
				return nil, wait
			}
		}
	}
	list = append(list, l.ready[:n]...)
	l.ready = append(l.ready[:0], l.ready[n:]...)
	return list, 0
}

// admit decides what of a message comes before its call: nothing (nil), or an
// outcome in the call's place.
func (l *lane) admit(a *attempt, now time.Time) *lease.Outcome {
	o := &lease.Outcome{Key: a.Key(), Function: a.Function, Group: a.Group}
	switch {
	case a.Lost && l.Retry.spent(a.Attempt-1, a.Age):
		o.Verdict, o.Code = lease.Dead, "attempts_spent"
		o.Reason = "every delivery ended without an answer: its worker died or lost its lease"
	case a.Probe: // the next one may be minutes away, so none is given back
		l.health.open, l.health.opened = true, now
		return nil
	case a.Lost && a.Attempt > 2: // perhaps it is what ends the worker
		o.Verdict, o.Free, o.Delay = lease.Retry, true, l.Retry.pause(a.Attempt-1)
	case l.health.waits(a.claimed): // leased before the circuit opened
		o.Verdict, o.Free, o.Delay = lease.Retry, true, l.Retry.pause(1)
	case a.Deliveries > 1 && !l.health.mayRetry(now):
		o.Verdict, o.Free, o.Delay = lease.Retry, true, max(l.Retry.pause(a.Attempt-1), l.Retry.pause(4))
	default:
		if a.Deliveries == 1 {
			l.health.began()
		}
		return nil
	}
	return o
}

// Why an attempt was cut off.
var (
	errLeaseLost = errors.New("the lease was lost")
	errStopping  = errors.New("the worker is stopping")
)
