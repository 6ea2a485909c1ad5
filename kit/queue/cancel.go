package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cancel ends the messages with this call id that wait for a delivery, and
// reports whether there was one. One that is being delivered goes on. A message
// that was cancelled is a dead letter with the code cancelled: what was promised
// and not done stays visible, and can be sent again.
func Cancel(ctx context.Context, db Beginner, callID string) (bool, error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("cancel %s: %w", callID, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after a commit it does nothing
	// Finish takes a message from the one who holds its lease: that is us now.
	rows, err := tx.Query(ctx, `
update queue.message set leased_by = 0, fence = fence + 1, visible_at = clock_timestamp() + $2
where id = any(array(select id from queue.message where call_id = $1 and leased_by is null for update skip locked))
returning id, fence`, callID, time.Minute)
	if err != nil {
		return false, fmt.Errorf("cancel %s: %w", callID, err)
	}
	taken, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
	if err != nil {
		return false, fmt.Errorf("cancel %s: %w", callID, err)
	}
	if len(taken) == 0 {
		return false, nil
	}
	outcomes := make([]Outcome, len(taken))
	for i, key := range taken {
		outcomes[i] = Outcome{Key: key, Verdict: Dead, Code: "cancelled", Reason: "it was cancelled before it was delivered"}
	}
	refused, err := Finish(ctx, tx, outcomes)
	if err != nil {
		return false, err
	}
	if err := tx.Commit(ctx); err != nil {
		return false, fmt.Errorf("cancel %s: %w", callID, err)
	}
	return len(refused) < len(taken), nil
}
