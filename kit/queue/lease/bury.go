package lease

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Bury makes dead letters of messages past their deadline, a hundred at most. It
// returns how many.
func (q *Queue) Bury(ctx context.Context) (int, error) {
	return q.bury(ctx, `select id from queue.message where deadline <= now() and visible_at <= now() limit 100`, nil,
		Failure{Code: "deadline_passed", Reason: "the deadline passed before a delivery succeeded"})
}

// Expire makes dead letters of messages that have waited for longer than keep, a
// hundred at most: nothing waits for ever. It returns how many.
func (q *Queue) Expire(ctx context.Context, keep time.Duration) (int, error) {
	return q.bury(ctx, `select id from queue.message where queued_at < now() - $1::interval and visible_at <= now() limit 100`, []any{keep},
		Failure{Code: "expired", Reason: fmt.Sprintf("it waited for %s without a delivery that succeeded", keep)})
}

// Cancel makes dead letters of the messages with this call id that wait for a
// delivery, and reports whether there was one. One that is being delivered goes
// on. What was promised and not done stays visible, and can be sent again.
func (q *Queue) Cancel(ctx context.Context, callID string) (bool, error) {
	n, err := q.bury(ctx, `select id from queue.message where call_id = $1 and leased_by is null`, []any{callID},
		Failure{Code: "cancelled", Reason: "it was cancelled before it was delivered"})
	return n > 0, err
}

// bury takes the messages that a query names, without waiting for those that
// somebody else is busy with, and ends them.
func (q *Queue) bury(ctx context.Context, ids string, args []any, why Failure) (n int, err error) {
	err = pgx.BeginFunc(ctx, q.db, func(tx pgx.Tx) error {
		// Finish takes a message from the one who holds its lease: that is us now.
		rows, err := tx.Query(ctx, `
update queue.message set leased_by = 0, fence = fence + 1, visible_at = clock_timestamp() + interval '1 minute'
where id = any(array(select id from queue.message where id = any(array(`+ids+`)) for update skip locked))
returning id, fence, fn, coalesce(grp, '')`, args...)
		if err != nil {
			return err
		}
		outcomes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Outcome, err error) {
			o.Verdict, o.Failure = Dead, why
			return o, row.Scan(&o.ID, &o.Fence, &o.Function, &o.Group)
		})
		if err != nil || len(outcomes) == 0 {
			return err
		}
		applied := map[Key]bool{}
		if _, _, err := q.finish(ctx, tx, outcomes, applied, true); err != nil {
			return err
		}
		n = len(applied)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("end messages with %s: %w", why.Code, err)
	}
	return n, nil
}
