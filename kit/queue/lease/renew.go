package lease

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Renew prolongs leases and gives back those that are ours no longer: another
// worker holds them, or they are gone. Work on those must stop.
func (q *Queue) Renew(ctx context.Context, held []Key) (lost []Key, err error) {
	ids, fences := columns(held)
	rows, err := q.db.Query(ctx, `
with ours as (
    update queue.message m set visible_at = clock_timestamp() + $3
    from unnest($1::bigint[], $2::bigint[]) as k(id, fence)
    where m.id = k.id and m.fence = k.fence and m.leased_by is not null
    returning m.id, m.fence
)
select k.id, k.fence from unnest($1::bigint[], $2::bigint[]) as k(id, fence)
where (k.id, k.fence) not in (select id, fence from ours)`, ids, fences, Duration)
	if err != nil {
		return nil, fmt.Errorf("renew leases: %w", err)
	}
	lost, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
	if err != nil {
		return nil, fmt.Errorf("renew leases: %w", err)
	}
	return lost, nil
}

// Release gives leases back unused, without spending an attempt: a worker that
// stops calls it for what it did not begin or could not finish.
func (q *Queue) Release(ctx context.Context, held []Key) error {
	if len(held) == 0 {
		return nil
	}
	ids, fences := columns(held)
	_, err := q.db.Exec(ctx, `
update queue.message m set visible_at = clock_timestamp(), leased_by = null, attempt = attempt - 1, deliveries = deliveries - 1
from unnest($1::bigint[], $2::bigint[]) as k(id, fence)
where m.id = k.id and m.fence = k.fence and m.leased_by is not null`, ids, fences)
	if err != nil {
		return fmt.Errorf("release leases: %w", err)
	}
	return nil
}

func columns(keys []Key) (ids, fences []int64) {
	for _, k := range keys {
		ids, fences = append(ids, k.ID), append(fences, k.Fence)
	}
	return ids, fences
}
