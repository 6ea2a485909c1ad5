package server

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one connection with what is kept for it: the call it carries now, its
// place in the gate, and one timer for every limit on it: those that net/http
// sets for reading and writing, four or five for each request, and the end of
// the call. A limit that is set is only noted. The timer fires when the nearest
// limit that it was set for is due, looks which are in force by then, and is
// set again for the rest; so a quick call costs no timer operation at all. (The
// runtime's deadlines cost an echo 4 % of its requests/s, and a context with a
// deadline for every request a quarter.)
type link struct {
	net.Conn
	gate *gate
	idle atomic.Bool
	deaf atomic.Bool // whatever comes is not to be understood
	once sync.Once   // of Close

	mu          sync.Mutex
	read, write limit
	raw         bool // the connection is the handler's: its limits are set at once
	call        *call
	life        *life
	leave       func() // ends what is derived from life
	timer       *time.Timer
	due         instant // when the timer fires; 0 when it is not set
}

// instant is a moment on the process' own clock, in nanoseconds; 0 is never.
type instant int64

// birth is where instants are counted from.
var birth = time.Now()

func now() instant { return instant(time.Since(birth)) }

// limit is a deadline of a connection's reads or writes.
type limit struct {
	at     instant
	struck bool // the connection itself has one
}

// long is a deadline that has always passed.
var long = time.Unix(1, 0)

func (k *link) SetReadDeadline(t time.Time) error { return k.limit(&k.read, t, k.Conn.SetReadDeadline) }
func (k *link) SetWriteDeadline(t time.Time) error {
	return k.limit(&k.write, t, k.Conn.SetWriteDeadline)
}

func (k *link) SetDeadline(t time.Time) error {
	if err := k.SetReadDeadline(t); err != nil {
		return err
	}
	return k.SetWriteDeadline(t)
}

// limit notes a deadline. One that has passed long ago is meant to interrupt
// whoever waits, so it takes effect at once.
func (k *link) limit(l *limit, t time.Time, strike func(time.Time) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.raw || !t.IsZero() && t.Before(birth) {
		l.at, l.struck = 0, true
		return strike(t)
	}
	if l.struck {
		l.struck = false
		if err := strike(time.Time{}); err != nil {
			return err
		}
	}
	if l.at = 0; !t.IsZero() {
		l.at = instant(t.Sub(birth)) + 1 // never 0
		k.set(l.at)
	}
	return nil
}

// watch makes c the call whose end the timer minds.
func (k *link) watch(c *call) {
	k.mu.Lock()
	k.call = c
	k.set(c.due)
	k.mu.Unlock()
}

// set makes sure that the timer fires at due, or before.
func (k *link) set(due instant) {
	if k.due != 0 && k.due <= due {
		return
	}
	k.due = due
	if wait := time.Duration(due - now()); k.timer == nil {
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

// release makes the connection the handler's, who hijacked it. Its call is
// still minded: the context ends.
func (k *link) release() {
	k.mu.Lock()
	k.raw = true
	k.mu.Unlock()
}

func (k *link) fire() {
	k.mu.Lock()
	k.due = 0
	at := now()
	if k.read.passed(at) {
		k.Conn.SetReadDeadline(long)
	}
	if k.write.passed(at) {
		k.Conn.SetWriteDeadline(long)
	}
	c, raw := k.call, k.raw
	if c != nil && at < c.due {
		k.set(c.due)
		c = nil
	}
	for _, l := range []limit{k.read, k.write} {
		if l.at != 0 {
			k.set(l.at)
		}
	}
	k.mu.Unlock()
	switch {
	case c == nil:
	case raw:
		k.life.end() // the answer is the handler's own
	default:
		c.expire()
	}
}

// passed says whether the limit is due, and that from now on the connection
// itself has it.
func (l *limit) passed(at instant) bool {
	if l.at == 0 || at < l.at {
		return false
	}
	l.at, l.struck = 0, true
	return true
}
