package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Verdict says what becomes of a message after an attempt.
type Verdict string

// The three ends of an attempt.
const (
	Done  Verdict = "done"  // the function has done its work
	Retry Verdict = "retry" // it may succeed later: visible again after Delay
	Dead  Verdict = "dead"  // it never will, or the deliveries are spent
)

// Outcome is a verdict on one lease.
type Outcome struct {
	Key
	Verdict Verdict
	Status  int           // the function's HTTP status, 0 when it gave none
	Code    string        // stable word for what went wrong
	Reason  string        // sentence for a person
	Delay   time.Duration // before a retry
	Free    bool          // a retry that spends no attempt
}

// failure is one entry of a message's history.
type failure struct {
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt,omitempty"`
	Status  int       `json:"status,omitempty"`
	Code    string    `json:"code"`
	Reason  string    `json:"reason"`
}

// Finish writes outcomes, all in one transaction. An outcome whose lease was
// lost changes nothing and comes back in refused: someone else has, or had, the
// message since. When Finish returns without error the others are durable.
func Finish(ctx context.Context, db Beginner, outcomes []Outcome) (refused []Key, err error) {
	if len(outcomes) == 0 {
		return nil, nil
	}
	tx, err := db.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("finish: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after a commit it does nothing
	groups, err := lockGroups(ctx, tx, outcomes)
	if err != nil {
		return nil, fmt.Errorf("finish: lock groups: %w", err)
	}
	applied := make(map[int64]bool, len(outcomes))
	for _, verdict := range []Verdict{Done, Retry, Dead} {
		if err := apply(ctx, tx, verdict, outcomes, applied); err != nil {
			return nil, fmt.Errorf("finish: %s: %w", verdict, err)
		}
	}
	if err := promote(ctx, tx, groups); err != nil {
		return nil, fmt.Errorf("finish: unblock: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, fmt.Errorf("finish: %w", err)
	}
	for _, o := range outcomes {
		if !applied[o.ID] {
			refused = append(refused, o.Key)
		}
	}
	return refused, nil
}

var finishSQL = map[Verdict]string{
	Done: `
with o as (select * from jsonb_to_recordset($1) as o(id bigint, fence bigint, status int)),
gone as (
    delete from queue.message m using o where m.id = o.id and m.fence = o.fence and m.leased_by is not null
    returning m.id, m.fn, m.grp, m.call_id, m.created_at, m.attempt, o.status, m.history
)
insert into queue.done (id, fn, grp, call_id, created_at, finished_at, attempt, status, history)
select id, fn, grp, call_id, created_at, clock_timestamp(), attempt, status, history from gone
returning id`,
	Retry: `
with o as (select * from jsonb_to_recordset($1) as o(id bigint, fence bigint, delay_us bigint, free boolean, failure jsonb))
update queue.message m
set visible_at = clock_timestamp() + o.delay_us * interval '1 microsecond', leased_by = null,
    attempt = m.attempt - o.free::int,
    history = m.history || (o.failure || jsonb_build_object('attempt', m.attempt))
from o where m.id = o.id and m.fence = o.fence and m.leased_by is not null
returning m.id`,
	Dead: `
with o as (select * from jsonb_to_recordset($1) as o(id bigint, fence bigint, failure jsonb)),
gone as (
    delete from queue.message m using o where m.id = o.id and m.fence = o.fence and m.leased_by is not null
    returning m.*, o.failure
)
insert into queue.dead (id, fn, grp, method, path, headers, body, body_ref, callback, call_id, trusted, created_at,
                        deadline, attempt, max_attempts, history, died_at, code, reason)
select id, fn, grp, method, path, headers, body, body_ref, callback, call_id, trusted, created_at,
       deadline, attempt, max_attempts, history || (failure || jsonb_build_object('attempt', attempt)),
       clock_timestamp(), failure->>'code', failure->>'reason' from gone
returning id`,
}

// row is an Outcome as the statements read it.
type row struct {
	ID      int64   `json:"id"`
	Fence   int64   `json:"fence"`
	Status  int     `json:"status"`
	DelayUS int64   `json:"delay_us"`
	Free    bool    `json:"free"`
	Failure failure `json:"failure"`
}

// clean makes a function's words fit for Postgres, whose text has no NUL.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func apply(ctx context.Context, tx pgx.Tx, verdict Verdict, outcomes []Outcome, applied map[int64]bool) error {
	var batch []row
	now := time.Now().UTC()
	for _, o := range outcomes {
		if o.Verdict == verdict {
			batch = append(batch, row{o.ID, o.Fence, o.Status, o.Delay.Microseconds(), o.Free,
				failure{At: now, Status: o.Status, Code: clean(o.Code), Reason: clean(o.Reason)}})
		}
	}
	if len(batch) == 0 {
		return nil
	}
	arg, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, finishSQL[verdict], arg)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for _, id := range ids {
		applied[id] = true
	}
	return err
}

// group is a function and the name of one of its groups.
type group struct{ Function, Name string }

// lockGroups takes the lock of every group that is touched, in one order, so
// that nobody enqueues behind a message that is just leaving.
func lockGroups(ctx context.Context, tx pgx.Tx, outcomes []Outcome) ([]group, error) {
	ids := make([]int64, len(outcomes))
	for i, o := range outcomes {
		ids[i] = o.ID
	}
	rows, err := tx.Query(ctx, `
select fn, grp, pg_advisory_xact_lock(hashtextextended(fn || '/' || grp, 0))::text is null from (
    select distinct fn, grp from queue.message where id = any($1) and grp is not null order by fn, grp
) touched`, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (g group, err error) {
		var locked bool
		return g, row.Scan(&g.Function, &g.Name, &locked)
	})
}

// promote unblocks the oldest message left in each group.
func promote(ctx context.Context, tx pgx.Tx, groups []group) error {
	if len(groups) == 0 {
		return nil
	}
	fns, names := make([]string, len(groups)), make([]string, len(groups))
	for i, g := range groups {
		fns[i], names[i] = g.Function, g.Name
	}
	_, err := tx.Exec(ctx, `
update queue.message m set blocked = false
from unnest($1::text[], $2::text[]) as g(fn, grp)
cross join lateral (
    select id from queue.message where fn = g.fn and grp = g.grp order by id limit 1
) head
where m.id = head.id and m.blocked`, fns, names)
	return err
}

// Bury moves to dead what can never be claimed again: messages whose last
// delivery ended without a verdict, because its worker died each time, and
// messages past their deadline. It returns how many.
func Bury(ctx context.Context, db Beginner) (int, error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return 0, fmt.Errorf("bury: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	rows, err := tx.Query(ctx, `
select id, fence, attempt < max_attempts from queue.message where id = any(array(
    (select id from queue.message where attempt >= max_attempts and visible_at <= now() limit 100)
    union
    (select id from queue.message where deadline <= now() and visible_at <= now() limit 100)))
for update skip locked`)
	if err != nil {
		return 0, fmt.Errorf("bury: %w", err)
	}
	type spent struct {
		ID, Fence int64
		Late      bool
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[spent])
	if err != nil {
		return 0, fmt.Errorf("bury: %w", err)
	}
	if len(found) == 0 {
		return 0, nil
	}
	var ids []int64
	outcomes := make([]Outcome, len(found))
	for i, s := range found {
		ids = append(ids, s.ID)
		outcomes[i] = Outcome{Key: Key{s.ID, s.Fence}, Verdict: Dead, Code: "attempts_spent",
			Reason: "every delivery ended without an answer: its worker died or lost its lease"}
		if s.Late {
			outcomes[i].Code, outcomes[i].Reason = "deadline_passed", "the deadline passed before a delivery succeeded"
		}
	}
	// Finish takes a message from the one who holds its lease: that is us now.
	if _, err := tx.Exec(ctx, `update queue.message set leased_by = coalesce(leased_by, 0) where id = any($1)`, ids); err != nil {
		return 0, fmt.Errorf("bury: %w", err)
	}
	refused, err := Finish(ctx, tx, outcomes)
	if err != nil {
		return 0, err
	}
	if err := tx.Commit(ctx); err != nil {
		return 0, fmt.Errorf("bury: %w", err)
	}
	return len(found) - len(refused), nil
}
