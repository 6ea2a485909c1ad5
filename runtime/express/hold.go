package express

import "time"

// A place that one call leaves in a function is free until the next one comes. For
// a function of few and long calls that is a part of what it could do, also while
// others are refused by the hundred. So one call may wait for a place for a moment.

// wait has the client's request, with which b begins, wait for a place in the
// function; since is when it began to, if it has. It says no when another does
// already: nobody waits for two others.
func (c *client) wait(l *Loop, full string, b []byte, since time.Time) bool {
	if l.Hold == 0 {
		return false
	}
	for o := l.holding.head; o != nil; o = o.next {
		if o.waits == full {
			return false
		}
	}
	c.held = append(c.held[:0], b...)
	c.waits = full
	c.move(&l.holding)
	if !since.IsZero() {
		c.since = since
	}
	return true
}

// turn is a client whose request has waited.
type turn struct{ *client }

// ready begins the call, or has it refused when it has waited for long enough.
func (t turn) ready(l *Loop, _ uint32) {
	c := t.client
	b := c.held
	c.held, c.waits = nil, ""
	c.serve(l, b, c.since)
}

// offer offers the places that calls have left to those who wait, and sends those
// away whose time is over.
func (l *Loop) offer(now time.Time) {
	left := l.left
	l.left = false
	l.turns = l.turns[:0] // who is refused a place once more goes to the end of the queue
	for c := l.holding.head; c != nil; c = c.next {
		if left || now.Sub(c.since) >= l.Hold {
			l.turns = append(l.turns, c)
		}
	}
	for _, c := range l.turns {
		l.dispatch(turn{c}, 0)
	}
}

// held is how long nobody who waits has to be looked at; false when nobody does.
func (l *Loop) held() (d time.Duration, waits bool) {
	d = l.Hold
	for c := l.holding.head; c != nil; c = c.next {
		d = min(d, l.Hold-time.Since(c.since))
	}
	return max(d, 0), l.holding.head != nil
}
