// Package spans remembers the steps of recent calls: which part of the store had
// a call, from when until when, and how it ended. A step has the fields of Span
// and no others, so nothing of a body, a header or a key can get in. The package
// does not know who calls whom.
package spans

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"fnstore/kit/trace"
)

// Kind is what a step is.
type Kind string

// The steps that are recorded, and those that Parts makes of them.
const (
	Call     Kind = "call"     // the gateway passes a call on and its answer back
	Accept   Kind = "accept"   // the gateway puts a call into the queue
	Publish  Kind = "publish"  // somebody publishes to a topic
	Object   Kind = "object"   // a client writes to the object store
	Message  Kind = "message"  // a message, from when it was accepted to its end
	Attempt  Kind = "attempt"  // one delivery of a message
	Queued   Kind = "queued"   // a message waits for its first delivery
	Start    Kind = "start"    // a call waits for a process that starts
	Place    Kind = "place"    // a call waits for a place in a replica
	Function Kind = "function" // the function's own time, as its server measured it
)

// Span is one step.
type Span struct {
	trace.Context // its own id
	Parent        trace.SpanID
	Kind          Kind
	CallID        string
	Function      string
	Start         time.Time
	Took          time.Duration
	Status        int    // HTTP; 0 for none
	Code          string // stable word for what went wrong
	Linked        bool   // whoever called gave a context: it is part of a longer journey

	// Of a call.
	Asked    time.Duration // after Start: a replica was asked for
	Held     time.Duration // until a replica had a place for it; of a first attempt: in the queue
	Woke     bool          // no replica was ready
	Own      time.Duration // the function's, which ended Answered after Start
	Answered time.Duration

	// Of a message and its attempts.
	Attempt  int    // that spent a try, from 1
	Delivery int    // the same, with those that spent none
	Verdict  string // done, retry or dead
	Source   string // the connector that made the message
}

// Slow is from when on a call is worth a second look.
const Slow = time.Second

// heldAtLeast is what a wait must last to be a step of its own: less is the
// choice of a replica.
const heldAtLeast = time.Millisecond

// Failed reports whether it ended as nobody wants it.
func (s Span) Failed() bool {
	return s.Status >= 500 || s.Status == 429 || s.Verdict == "dead" || s.Kind == Attempt && s.Verdict != "done"
}

// notable reports whether the step is kept apart from the many quick calls that
// went well.
func (s Span) notable() bool {
	return s.Kind != Call || s.Linked || s.Woke || s.Took >= Slow || s.Failed()
}

// Parts gives the step and those within it.
func (s Span) Parts() []Span {
	list := []Span{s}
	part := func(n byte, kind Kind, start time.Time, took time.Duration) *Span {
		p := Span{Context: s.Context, Parent: s.Span, Kind: kind, CallID: s.CallID, Function: s.Function, Start: start, Took: took}
		p.Span = derived(s.Span[:], uint64(n))
		list = append(list, p)
		return &list[len(list)-1]
	}
	switch {
	case s.Kind == Attempt && s.Held > 0:
		part(1, Queued, s.Start.Add(-s.Held), s.Held).Parent = s.Parent
	case s.Kind == Call && s.Woke:
		part(2, Start, s.Start.Add(s.Asked), s.Held)
	case s.Kind == Call && s.Held >= heldAtLeast:
		part(3, Place, s.Start.Add(s.Asked), s.Held)
	}
	if s.Own > 0 {
		own := min(s.Own, s.Answered)
		part(4, Function, s.Start.Add(s.Answered-own), own).Status = s.Status
	}
	return list
}

// OfMessage is the step that is a message as a whole: all workers that deliver it
// know it by the same id.
func OfMessage(id trace.ID, message int64) trace.SpanID { return derived(id[:], uint64(message)) }

func derived(of []byte, n uint64) (id trace.SpanID) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(of[:len(of):len(of)], n))
	copy(id[:], sum[:])
	return id
}
