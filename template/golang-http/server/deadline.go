package server

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one connection with what is kept for it: the call it carries now, one
// timer for all of its calls, and its place in the gate. The timer is not stopped when a call ends. It
// fires at most once per exec_timeout, looks which call is there, and is set
// again for the rest of that call's time; so a quick call costs no timer
// operation at all. (A context.WithDeadline with a context.AfterFunc for every
// request cost a quarter of the requests/s of an echo.)
type link struct {
	net.Conn
	gate *gate
	idle atomic.Bool
	deaf atomic.Bool // whatever comes is not to be understood
	once sync.Once   // of Close

	mu    sync.Mutex
	call  *call
	timer *time.Timer
	due   time.Time // when the timer fires; zero when it is not set
}

type linkKey struct{}

// carried lets the calls of a connection find its link.
func carried(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, linkKey{}, c)
}

// watch makes c the call whose deadline the timer minds.
func (k *link) watch(c *call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.call = c
	if due := c.deadline.at; k.due.IsZero() || k.due.After(due) {
		k.set(due)
	}
}

func (k *link) set(due time.Time) {
	k.due = due
	if wait := time.Until(due); k.timer == nil {
		k.timer = time.AfterFunc(wait, k.fire)
	} else {
		k.timer.Reset(wait)
	}
}

// rest says that the call is over.
func (k *link) rest() {
	k.mu.Lock()
	k.call = nil
	k.mu.Unlock()
}

func (k *link) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
	}
}

func (k *link) fire() {
	k.mu.Lock()
	c := k.call
	k.due = time.Time{}
	if c != nil && time.Now().Before(c.deadline.at) {
		k.set(c.deadline.at)
		c = nil
	}
	k.mu.Unlock()
	if c != nil {
		c.expire()
	}
}

// deadline is the context of one call. Its Done channel, and the timer behind
// it, exist from the first time that anyone asks: most handlers only pass the
// context on, or never look.
type deadline struct {
	parent context.Context
	at     time.Time // zero: none

	mu     sync.Mutex
	real   context.Context
	cancel context.CancelFunc
	over   bool
}

func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

func (d *deadline) Done() <-chan struct{} { return d.made().Done() }

func (d *deadline) made() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.real == nil {
		d.real, d.cancel = context.WithDeadline(d.parent, d.at)
		if d.over {
			d.cancel()
		}
	}
	return d.real
}

func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.real != nil:
		return d.real.Err()
	case d.parent.Err() != nil:
		return d.parent.Err()
	case d.over:
		return context.Canceled
	case time.Now().Before(d.at):
		return nil
	}
	return context.DeadlineExceeded
}

// Value lets a context that is derived from this one find the real one below
// it, which spares package context a goroutine per derived context.
func (d *deadline) Value(key interface{}) interface{} {
	d.mu.Lock()
	real := d.real
	d.mu.Unlock()
	if real == nil {
		return d.parent.Value(key)
	}
	return real.Value(key)
}

// end releases the context's timer. A call that is over is canceled for
// whoever kept its context.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	if d.cancel != nil {
		d.cancel()
	}
}

// late reports whether the deadline, and not the client's leaving, ended the
// context. Once true it stays true until end.
func (d *deadline) late() bool {
	return !d.at.IsZero() && d.Err() == context.DeadlineExceeded
}
