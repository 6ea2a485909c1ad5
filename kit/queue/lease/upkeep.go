package lease

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
)

// DefaultKeep is how long records of done messages, dead letters and messages
// that never succeed are kept: 14 days, the most that SQS offers.
const DefaultKeep = 14 * 24 * time.Hour

// Maintain makes room for the days to come, forgets what is older than keep and
// expires messages that have waited for longer.
func (q *Queue) Maintain(ctx context.Context, keep time.Duration) error {
	if _, err := q.db.Exec(ctx, `select queue.maintain($1)`, keep); err != nil {
		return fmt.Errorf("maintain the queue: %w", err)
	}
	for ctx.Err() == nil {
		if n, err := q.Expire(ctx, keep); err != nil || n == 0 {
			return err
		}
	}
	return ctx.Err()
}

// Sweep of bodies: a body that no message needs is deleted from where it lies,
// and its name afterwards, so that a crash in between only means to do it again.
const bodiesAtOnce = 100

// DeleteBodies deletes the bodies that no message needs any more, and returns
// how many.
func (q *Queue) DeleteBodies(ctx context.Context, bodies queue.Bodies) (n int, err error) {
	for {
		rows, err := q.db.Query(ctx, `select ref from queue.unused_body limit $1`, bodiesAtOnce)
		if err != nil {
			return n, fmt.Errorf("delete unused bodies: %w", err)
		}
		refs, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return n, fmt.Errorf("delete unused bodies: %w", err)
		}
		for _, ref := range refs {
			if err := bodies.Delete(ctx, ref); err != nil {
				return n, fmt.Errorf("delete unused body %s: %w", ref, err)
			}
			if _, err := q.db.Exec(ctx, `delete from queue.unused_body where ref = $1`, ref); err != nil {
				return n, fmt.Errorf("delete unused bodies: %w", err)
			}
			n++
		}
		if len(refs) < bodiesAtOnce {
			return n, nil
		}
	}
}
