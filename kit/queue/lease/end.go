package lease

import (
	"context"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/trace"
)

// Answer is what a function answered to a message whose caller wants to be told.
type Answer struct {
	Callback string        // the message's
	CallID   string        // the message's
	Trace    trace.Context // of the last attempt
	Header   http.Header   // nil when there was no answer
	Body     []byte
	TooLong  bool          // and so there is no Body
	Took     time.Duration // the last attempt
}

// Ended is called in the transaction that ends messages, with the outcomes that
// were applied: those that are Dead, and those that are Done and have an Answer.
// What it writes is there when, and only when, they have ended.
type Ended func(ctx context.Context, tx pgx.Tx, ended []Outcome) error

// OnEnd has f called when messages end. Call it before anything else.
func (q *Queue) OnEnd(f Ended) { q.ended = f }

// tell calls Ended with what it is for.
func (q *Queue) tell(ctx context.Context, tx pgx.Tx, outcomes []Outcome, applied map[Key]bool) error {
	if q.ended == nil {
		return nil
	}
	var list []Outcome
	for _, o := range outcomes {
		if applied[o.Key] && (o.Verdict == Dead || o.Verdict == Done && o.Answer != nil) {
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return q.ended(ctx, tx, list)
}
