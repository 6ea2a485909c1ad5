// Package lease is the worker's side of the queue: it hands messages to a worker
// for as long as the worker renews its lease, and moves each message to done, to
// a later time or to the dead letters in one transaction. A write that names an
// old lease changes nothing. The package does not know how a call is made, nor
// how often a message is tried.
package lease

import (
	"sync"
	"time"

	"fnstore/kit/queue"
)

// Duration is how long a delivery stays ours without a word; the holder renews it
// well before. When a worker dies its messages run again after at most this.
const Duration = 10 * time.Second

// Message is a call that is being delivered.
type Message struct {
	ID       int64
	Function string
	Group    string // "" for none
	Method   string
	Path     string // escaped, with the query; what the function sees
	Headers  map[string][]string
	Body     []byte
	BodyRef  string // where queue.Bodies keeps the body instead; "" for none
	CallID   string
	Callback string
	// Trusted says that the store itself made the message. Only such a one is
	// delivered with a signature: the queue must not turn a stranger's call into
	// one that a function believes.
	Trusted    bool
	CreatedAt  time.Time
	Deadline   time.Time     // zero for none
	Attempt    int           // the number of this attempt, from 1
	Deliveries int           // the same, with the deliveries that spent no attempt
	FirstAt    time.Time     // when the first delivery began, by the server's clock
	Age        time.Duration // since FirstAt
	Probe      bool          // the function's circuit is open: this call finds out whether it works again
	Lost       bool          // the delivery before ended without a verdict: its worker died or lost its lease
	Fence      int64
}

// Key names one lease of one message. A write with an old fence changes nothing.
type Key struct {
	ID    int64
	Fence int64
}

// Key gives the lease that this delivery holds.
func (m Message) Key() Key { return Key{m.ID, m.Fence} }

// Queue is one worker's view of the queue. It is safe for concurrent use.
type Queue struct {
	db queue.Beginner

	ended Ended // nil for none

	mu    sync.Mutex
	marks marks
}

// Open gives a worker's view of the queue in db.
func Open(db queue.Beginner) *Queue {
	return &Queue{db: db, marks: marks{of: map[string]mark{}}}
}
