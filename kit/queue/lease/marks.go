package lease

import "time"

// A claim reads the index (fn, visible_at) from its beginning. Behind messages
// that are gone stay dead entries, which vacuum removes - unless some transaction
// is open for long, as a backup's is: then every claim would step over all that
// was done since, and the queue would come to a halt. So a worker remembers, for
// each function, up to where it has seen all there is, and reads from there.
//
//	visible_at ──────────────────────────────────────────────────────▶
//	  dead dead dead dead dead │ mark │ ready ready ready │ now │ delayed, leased
//	  never read again ────────┘      └─ what a claim reads
//
// A mark must not pass a message that will appear before it: one whose
// transaction has not committed yet. Whoever enqueues gets its transaction's
// number first and takes the message's time then. So a message with a number
// above a claim's own has a time after that claim began; and once all numbers
// below it are over (a later snapshot's xmin says so), every message before that
// time is to be seen. The snapshot's xmax would not do: it is one above the last
// number that is over, and others above it may have been given out long before.
// A transaction that only reads has no number, so a backup holds no mark back.
//
// What can still appear before a mark is rare: a claim of another worker that is
// rolled back, or a server's clock that steps back. So a worker forgets its marks
// now and then and reads from the beginning.
type marks struct {
	of   map[string]mark
	seen []sight   // younger than safe, oldest first
	safe time.Time // all messages visible before it are committed
}

type mark struct {
	at    time.Time
	full  time.Time // when it was last read from the beginning
	pause time.Duration
}

// sight is a claim: when it began, by the server's clock, and its transaction's
// number.
type sight struct {
	at  time.Time
	xid int64
}

const (
	// fullEvery is how often a claim reads from the beginning, and fullShare
	// how much of the time that may take: one part in so many.
	fullEvery = 30 * time.Second
	fullShare = 20
	// maxSights bounds what is remembered while a transaction is open that writes.
	maxSights = 4096
)

// from gives where to read a function's messages from; the zero time is the
// beginning.
func (m *marks) from(fn string, now time.Time) time.Time {
	k := m.of[fn]
	if now.Sub(k.full) >= max(k.pause, fullEvery) {
		return time.Time{}
	}
	return k.at
}

// saw takes in a claim: when it began, its snapshot's xmin and its number.
func (m *marks) saw(at time.Time, xmin, xid int64) {
	n := 0
	for n < len(m.seen) && m.seen[n].xid <= xmin {
		m.safe = m.seen[n].at
		n++
	}
	m.seen = append(m.seen[:0], m.seen[n:]...)
	if len(m.seen) < maxSights {
		m.seen = append(m.seen, sight{at, xid})
	}
}

// advance says that all messages of fn up to a time are dealt with, as far as
// they are committed. The read began at from and took as long.
func (m *marks) advance(fn string, from, upTo, now time.Time, took time.Duration) {
	k := m.of[fn]
	if from.IsZero() {
		k.full, k.pause = now, took*fullShare
	}
	if upTo.After(m.safe) {
		upTo = m.safe
	}
	if upTo.After(k.at) {
		k.at = upTo
	}
	m.of[fn] = k
}

// reach says that a message of fn became ready with an old time.
func (m *marks) reach(fn string, at time.Time) {
	if k := m.of[fn]; at.Before(k.at) {
		k.at = at
		m.of[fn] = k
	}
}
