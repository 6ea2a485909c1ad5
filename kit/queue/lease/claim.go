package lease

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Want says how many messages of a function a worker can lease.
type Want struct {
	Function string
	Max      int
}

// Claim leases up to Max messages of each function to a session, oldest first
// and never one that another worker holds: one statement for all functions. Of a
// function whose circuit is open it leases one message when a probe is due, and
// none otherwise.
//
// A claim does not wait until it is on disk, and neither does the transaction
// that it is part of: one that a crash of the server undoes was never promised
// to anybody.
func (q *Queue) Claim(ctx context.Context, session int32, want []Want) ([]Message, error) {
	fns, room, since := make([]string, len(want)), make([]int32, len(want)), make([]time.Time, len(want))
	begun := time.Now()
	q.mu.Lock()
	for i, w := range want {
		fns[i], room[i], since[i] = w.Function, int32(w.Max), q.marks.from(w.Function, begun)
	}
	q.mu.Unlock()
	rows, err := q.db.Query(ctx, claimSQL, fns, room, session, Duration, since)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanClaimed)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	q.remember(want, since, list, begun)
	messages := make([]Message, len(list))
	for i, c := range list {
		messages[i] = c.Message
	}
	return messages, nil
}

// remember moves the marks by what a claim found.
func (q *Queue) remember(want []Want, since []time.Time, list []claimed, begun time.Time) {
	if len(list) == 0 {
		return
	}
	type found struct {
		n     int
		until time.Time
		probe bool
	}
	of := map[string]found{}
	for _, c := range list {
		f := of[c.Function]
		f.n++
		f.probe = f.probe || c.Probe
		if c.was.After(f.until) {
			f.until = c.was
		}
		of[c.Function] = f
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.marks.saw(list[0].now, list[0].xmin, list[0].xid)
	for i, w := range want {
		f, ok := of[w.Function]
		if !ok || f.probe {
			continue // perhaps it was not read at all
		}
		if f.n < w.Max { // it was read to the end
			f.until = list[0].now
		}
		q.marks.advance(w.Function, since[i], f.until, time.Now(), time.Since(begun))
	}
}

// A fence has the session in its upper half: when a crash of the server undoes a
// claim, the next one of the same message is another session's, since all have
// to join again, and so has another fence.
//
// pick takes the rows of the index in their order; probing is for the functions
// of which one message was leased to see whether they work again.
const claimSQL = `
with want as materialized (
    select w.fn, w.since, c.fn is not null as probe,
           case when c.fn is null then w.room when c.probe_at <= now() and not c.operator then least(w.room, 1) else 0 end as room
    from unnest($1::text[], $2::int[], $5::timestamptz[]) as w(fn, room, since)
    left join queue.circuit c on c.fn = w.fn
),
pick as materialized (
    select m.id, m.visible_at, m.leased_by is not null as lost, want.fn, want.probe
    from (select set_config('synchronous_commit', 'off', true)) quick, want
    cross join lateral (
        select id, visible_at, leased_by from queue.message
        where fn = want.fn and not blocked and visible_at >= want.since and visible_at <= now()
          and (deadline is null or deadline > now())
        order by visible_at
        limit want.room
        for update skip locked
    ) m
),
probing as (
    update queue.circuit c
    set probe_at = clock_timestamp() + c.pause * (0.5 + random() / 2), pause = least(c.pause * 2, interval '5 minutes')
    from (select distinct fn from pick where probe) p where c.fn = p.fn
)
update queue.message m
set attempt = attempt + 1, deliveries = deliveries + 1, first_at = coalesce(first_at, clock_timestamp()),
    fence = ($3::bigint << 32) | ((fence & 4294967295) + 1), leased_by = $3, visible_at = clock_timestamp() + $4,
    history = case when pick.lost then m.history || jsonb_build_object('at', clock_timestamp(), 'attempt', m.attempt,
        'code', 'worker_lost', 'reason', 'its worker died or lost its lease before the call ended') else m.history end
from pick where m.id = pick.id
returning m.id, m.fn, m.grp, m.method, m.path, m.headers, m.body, m.body_ref, m.call_id, m.callback, m.trusted,
          m.created_at, m.deadline, m.attempt, m.deliveries, m.first_at, m.fence, pick.probe, pick.lost,
          (extract(epoch from clock_timestamp() - m.first_at) * 1e6)::bigint,
          pick.visible_at, now(),
          pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_current_xact_id()::text::bigint`

// claimed is a message and what its claim saw.
type claimed struct {
	Message
	was, now  time.Time
	xmin, xid int64
}

func scanClaimed(row pgx.CollectableRow) (c claimed, err error) {
	var (
		group, callback, ref *string
		deadline             *time.Time
		headers              []byte
		age                  int64 // microseconds
	)
	m := &c.Message
	err = row.Scan(&m.ID, &m.Function, &group, &m.Method, &m.Path, &headers, &m.Body, &ref, &m.CallID, &callback,
		&m.Trusted, &m.CreatedAt, &deadline, &m.Attempt, &m.Deliveries, &m.FirstAt, &m.Fence, &m.Probe, &m.Lost, &age,
		&c.was, &c.now, &c.xmin, &c.xid)
	if err != nil {
		return c, err
	}
	m.Age = time.Duration(age) * time.Microsecond
	m.Group, m.Callback, m.BodyRef = value(group), value(callback), value(ref)
	if deadline != nil {
		m.Deadline = *deadline
	}
	if len(headers) == 2 { // {}
		m.Headers = map[string][]string{}
		return c, nil
	}
	return c, json.Unmarshal(headers, &m.Headers)
}

// value gives "" for SQL's null.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
