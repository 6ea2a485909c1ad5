package deadletter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/failpoint"
	"fnstore/kit/queue"
)

// maxStep is the most letters of one step: a transaction stays short.
const maxStep = 500

// Step does one step of the job that is due first, in one transaction with the
// job's progress: a crash repeats nothing and leaves nothing out. It returns how
// many letters it moved, and whether any step was due. Workers call it.
func Step(ctx context.Context, db queue.Beginner) (moved int64, due bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var (
			j    Job
			last int64
			upto time.Time
		)
		err := tx.QueryRow(ctx, `
select id, kind, filter, rate, last_id, upto from queue.job
where state = 'running' and step_at <= now() order by step_at limit 1 for update skip locked`).
			Scan(&j.ID, &j.Kind, &j.Filter, &j.Rate, &last, &upto)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		due = true
		n := min(j.Rate, maxStep)
		ids, err := next(ctx, tx, j.Filter, last, upto, n)
		if err != nil {
			return err
		}
		if moved, err = move(ctx, tx, j.Kind, ids); err != nil {
			return err
		}
		failpoint.Hit(failpoint.Resent)
		state := "done"
		if len(ids) == n {
			last, state = ids[n-1], "running"
		}
		_, err = tx.Exec(ctx, `update queue.job set last_id = $2, done = done + $3, state = $4, step_at = clock_timestamp() + $5
where id = $1`, j.ID, last, moved, state, time.Duration(n)*time.Second/time.Duration(j.Rate))
		return err
	})
	if err != nil {
		return 0, due, fmt.Errorf("step of a job on dead letters: %w", err)
	}
	return moved, due, nil
}

// next gives the letters of a step, in order of their ids. Ages count from when
// the job began, as the caller saw them.
func next(ctx context.Context, tx pgx.Tx, f Filter, last int64, upto time.Time, n int) ([]int64, error) {
	rows, err := tx.Query(ctx, `
select id from queue.dead where ($1::bigint[] is null or id = any($1)) and ($2 = '' or fn = $2) and ($3 = '' or code = $3)
  and ($4 = interval '0' or died_at <= $7::timestamptz - $4::interval) and ($5 = interval '0' or died_at > $7::timestamptz - $5::interval)
  and id > $6 and died_at <= $7::timestamptz
order by id limit $8 for update`, f.args(last, upto, n)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

func move(ctx context.Context, tx pgx.Tx, kind Kind, ids []int64) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	if kind == Purge {
		var n int64
		return n, tx.QueryRow(ctx, purgeSQL, ids).Scan(&n)
	}
	if _, err := tx.Exec(ctx, lockGroupsSQL, ids); err != nil {
		return 0, err
	}
	tag, err := tx.Exec(ctx, retrySQL, ids)
	return tag.RowsAffected(), err
}

const purgeSQL = `
with gone as (delete from queue.dead where id = any($1) returning body_ref),
unused as (insert into queue.unused_body (ref) select body_ref from gone where body_ref is not null on conflict do nothing)
select count(*) from gone`

// As in the worker's own statements: nobody enqueues behind a message of a group
// while another one joins it.
const lockGroupsSQL = `
select pg_advisory_xact_lock(hashtextextended(fn || '/' || grp, 0)) from (
    select distinct fn, grp from queue.dead where id = any($1) and grp is not null order by fn, grp
) touched`

// A message that is sent again starts with all its attempts and no deadline, and
// keeps its history. Its fence goes on from where it was.
const retrySQL = `
with gone as (delete from queue.dead where id = any($1) returning *)
insert into queue.message (id, fn, grp, blocked, method, path, headers, body, body_ref, body_size, callback, call_id, trusted,
                           created_at, visible_at, fence, history, retried)
overriding system value
select id, fn, grp,
       grp is not null and (row_number() over (partition by fn, grp order by id) > 1
                            or exists (select from queue.message m where m.fn = gone.fn and m.grp = gone.grp)),
       method, path, headers, body, body_ref, body_size, callback, call_id, trusted,
       created_at, clock_timestamp(), fence, history, retried + 1
from gone`
