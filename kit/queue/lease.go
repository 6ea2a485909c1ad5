package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Lease is how long a delivery stays ours without a word; the holder renews it
// well before. When a worker dies its messages run again after at most this.
const Lease = 10 * time.Second

// Want says how many messages of a function a worker has room for.
type Want struct {
	Function string
	Room     int
}

// Claim leases up to Room messages of each function to a session, oldest first
// and never one that another worker holds: one statement for all functions.
// A message whose deliveries are spent is not claimed; see Bury.
func Claim(ctx context.Context, db DB, session int32, want []Want) ([]Message, error) {
	fns, room := make([]string, len(want)), make([]int32, len(want))
	for i, w := range want {
		fns[i], room[i] = w.Function, int32(w.Room)
	}
	rows, err := db.Query(ctx, claimSQL, fns, room, session, Lease)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return list, nil
}

const claimSQL = `
with pick as materialized (
    select m.id
    from unnest($1::text[], $2::int[]) as want(fn, room)
    cross join lateral (
        select id from queue.message
        where fn = want.fn and not blocked and visible_at <= now() and attempt < max_attempts
          and (deadline is null or deadline > now())
        order by visible_at
        limit want.room
        for update skip locked
    ) m
)
update queue.message m
set attempt = attempt + 1, fence = fence + 1, leased_by = $3, visible_at = clock_timestamp() + $4
from pick where m.id = pick.id
returning m.id, m.fn, m.grp, m.method, m.path, m.headers, m.body, m.call_id, m.callback, m.trusted,
          m.created_at, m.deadline, m.attempt, m.max_attempts, m.fence`

func scanMessage(row pgx.CollectableRow) (Message, error) {
	var (
		m               Message
		group, callback *string
		deadline        *time.Time
		headers         []byte
	)
	err := row.Scan(&m.ID, &m.Function, &group, &m.Method, &m.Path, &headers, &m.Body, &m.CallID, &callback,
		&m.Trusted, &m.CreatedAt, &deadline, &m.Attempt, &m.MaxAttempts, &m.Fence)
	if err != nil {
		return m, err
	}
	if group != nil {
		m.Group = *group
	}
	if callback != nil {
		m.Callback = *callback
	}
	if deadline != nil {
		m.Deadline = *deadline
	}
	return m, json.Unmarshal(headers, &m.Headers)
}

// Renew prolongs leases and gives back those that are ours no longer: another
// worker holds them, or they are gone. Work on those must stop.
func Renew(ctx context.Context, db DB, held []Key) (lost []Key, err error) {
	ids, fences := columns(held)
	rows, err := db.Query(ctx, `
with ours as (
    update queue.message m set visible_at = clock_timestamp() + $3
    from unnest($1::bigint[], $2::bigint[]) as k(id, fence)
    where m.id = k.id and m.fence = k.fence and m.leased_by is not null
    returning m.id, m.fence
)
select k.id, k.fence from unnest($1::bigint[], $2::bigint[]) as k(id, fence)
where (k.id, k.fence) not in (select id, fence from ours)`, ids, fences, Lease)
	if err != nil {
		return nil, fmt.Errorf("renew leases: %w", err)
	}
	lost, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
	if err != nil {
		return nil, fmt.Errorf("renew leases: %w", err)
	}
	return lost, nil
}

func columns(keys []Key) (ids, fences []int64) {
	for _, k := range keys {
		ids, fences = append(ids, k.ID), append(fences, k.Fence)
	}
	return ids, fences
}
