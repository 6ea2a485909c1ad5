package lease

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/failpoint"
	"fnstore/kit/queue"
)

// Verdict says what becomes of a message after an attempt.
type Verdict string

// The three ends of an attempt.
const (
	Done  Verdict = "done"  // the function has done its work
	Retry Verdict = "retry" // it may succeed later: visible again after Delay
	Dead  Verdict = "dead"  // it never will, or the attempts are spent
)

// Outcome is a verdict on one lease. A Retry without a Code is of a message that
// was not called at all: it stands in no history and counts as no delivery.
type Outcome struct {
	Key
	Function string
	Group    string // the message's
	Verdict  Verdict
	Delay    time.Duration // before a retry
	Free     bool          // a retry that spends no attempt
	Failure                // of Status alone for Done
	Answer   *Answer       // for the caller that wants to be told; nil for none
	Sends    []queue.New   // of Done: they exist when, and only when, this outcome was applied
}

// Failure is what is known of a failed attempt; it stands in the message's
// history.
type Failure struct {
	Status  int    `json:"status,omitempty"`  // the function's HTTP status, 0 when it gave none
	Code    string `json:"code"`              // stable word for what went wrong
	Reason  string `json:"reason"`            // sentence for a person
	Cause   string `json:"cause,omitempty"`   // how the function's process ended, if it did
	Version string `json:"version,omitempty"` // the image that was deployed
	Digest  string `json:"digest,omitempty"`  // and its digest
}

// entry is a failure as the history has it; its attempt is added by the server.
type entry struct {
	At time.Time `json:"at"`
	Failure
}

// Finish writes outcomes, all in one transaction. An outcome whose lease was
// lost changes nothing and comes back in refused: someone else has, or had, the
// message since. When Finish returns without error the others are durable.
func (q *Queue) Finish(ctx context.Context, outcomes []Outcome) (refused []Key, err error) {
	refused, _, err = q.finishAll(ctx, outcomes, true)
	return refused, err
}

// FinishSome is Finish for those outcomes whose group nobody is adding to. The
// others come back in later, unchanged: a transaction that has put a message into
// their group is still open, and it may stay so for as long as its owner likes.
func (q *Queue) FinishSome(ctx context.Context, outcomes []Outcome) (refused []Key, later []Outcome, err error) {
	return q.finishAll(ctx, outcomes, false)
}

func (q *Queue) finishAll(ctx context.Context, outcomes []Outcome, wait bool) (refused []Key, later []Outcome, err error) {
	if len(outcomes) == 0 {
		return nil, nil, nil
	}
	applied := make(map[Key]bool, len(outcomes))
	if simple(outcomes) { // one statement is a transaction
		err = apply(ctx, q.db, Done, outcomes, applied)
	} else {
		outcomes, later, err = q.finish(ctx, q.db, outcomes, applied, wait)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("finish: %w", err)
	}
	failpoint.Hit(failpoint.Finished)
	for _, o := range outcomes {
		if !applied[o.Key] {
			refused = append(refused, o.Key)
		}
	}
	return refused, later, nil
}

// simple reports whether all are done, none belongs to a group or sends anything,
// and nobody wants to be told.
func simple(outcomes []Outcome) bool {
	for _, o := range outcomes {
		if o.Verdict != Done || o.Group != "" || o.Answer != nil || len(o.Sends) > 0 {
			return false
		}
	}
	return true
}

// finish writes outcomes in a transaction, and gives those that it wrote and those
// whose groups were busy.
func (q *Queue) finish(ctx context.Context, db queue.Beginner, outcomes []Outcome, applied map[Key]bool, wait bool) (now, later []Outcome, err error) {
	var ready []promoted
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		groups, err := lockGroups(ctx, tx, outcomes, wait)
		if err != nil {
			return fmt.Errorf("lock groups: %w", err)
		}
		for _, o := range outcomes {
			if o.Group == "" || slices.Contains(groups, group{o.Function, o.Group}) {
				now = append(now, o)
			} else {
				later = append(later, o)
			}
		}
		for _, verdict := range []Verdict{Done, Retry, Dead} {
			if err := apply(ctx, tx, verdict, now, applied); err != nil {
				return fmt.Errorf("%s: %w", verdict, err)
			}
		}
		for _, o := range now {
			if o.Verdict != Done || !applied[o.Key] {
				continue
			}
			for _, n := range o.Sends {
				if _, err := queue.Enqueue(ctx, tx, n); err != nil {
					return err
				}
			}
		}
		if ready, err = promote(ctx, tx, groups); err != nil {
			return err
		}
		return q.tell(ctx, tx, now, applied)
	})
	if err != nil {
		return nil, nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range ready {
		q.marks.reach(p.Function, p.VisibleAt)
	}
	return now, later, nil
}

// row is an Outcome as the statements read it.
type row struct {
	ID      int64 `json:"id"`
	Fence   int64 `json:"fence"`
	Status  int   `json:"status"`
	DelayUS int64 `json:"delay_us"`
	Free    bool  `json:"free"`
	Failure entry `json:"failure"`
}

// clean makes a function's words fit for Postgres, whose text has no NUL.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func (f Failure) clean() Failure {
	f.Code, f.Reason, f.Cause = clean(f.Code), clean(f.Reason), clean(f.Cause)
	return f
}

func apply(ctx context.Context, db queue.DB, verdict Verdict, outcomes []Outcome, applied map[Key]bool) error {
	var batch []row
	now := time.Now().UTC()
	for _, o := range outcomes {
		if o.Verdict == verdict {
			batch = append(batch, row{o.ID, o.Fence, o.Status, o.Delay.Microseconds(), o.Free, entry{now, o.Failure.clean()}})
		}
	}
	if len(batch) == 0 {
		return nil
	}
	arg, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	rows, err := db.Query(ctx, finishSQL[verdict], arg)
	if err != nil {
		return err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
	if verdict == Dead {
		failpoint.Hit(failpoint.Burying)
	}
	for _, k := range keys {
		applied[k] = true
	}
	return err
}
