package deadletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
)

// Kind is what a job does with dead letters.
type Kind string

// The kinds of jobs.
const (
	Retry Kind = "retry" // they become messages again, with their id, call id and body
	Purge Kind = "purge" // they are deleted
)

// Rates of jobs, in letters a second, where none is given.
const (
	DefaultRetryRate = 10
	DefaultPurgeRate = 1000
	MaxRate          = 10000
)

// Job is a retry or purge of many dead letters. It deals with those that were
// dead when it began, and goes on after a crash where it was.
type Job struct {
	ID        int64     `json:"id"`
	Kind      Kind      `json:"kind"`
	Filter    Filter    `json:"filter"`
	Rate      int       `json:"rate"` // letters a second
	Total     int64     `json:"total"`
	Done      int64     `json:"done"`
	State     string    `json:"state"` // running, done or cancelled
	CreatedAt time.Time `json:"created_at"`
}

const jobColumns = `id, kind, filter, rate, total, done, state, created_at`

func scanJob(row pgx.CollectableRow) (j Job, err error) {
	return j, row.Scan(&j.ID, &j.Kind, &j.Filter, &j.Rate, &j.Total, &j.Done, &j.State, &j.CreatedAt)
}

// Start begins a job and tells the workers, which do it; rate is in letters a
// second, 0 for the kind's default. fault.Invalid is for a rate above MaxRate.
func Start(ctx context.Context, db queue.DB, kind Kind, f Filter, rate int) (Job, error) {
	if rate == 0 {
		rate = map[Kind]int{Retry: DefaultRetryRate, Purge: DefaultPurgeRate}[kind]
	}
	if rate < 1 || rate > MaxRate {
		return Job{}, fault.New(fault.Invalid, "bad_rate", "the rate must be 1 to %d letters a second", MaxRate)
	}
	filter, err := json.Marshal(f)
	if err != nil {
		return Job{}, fmt.Errorf("start a %s of dead letters: %w", kind, err)
	}
	j, err := one(ctx, db, `
insert into queue.job (kind, filter, rate, total)
select $6, $7, $8, count(*) from queue.dead where `+where+` returning `+jobColumns, f.args(kind, filter, rate)...)
	if err != nil {
		return Job{}, fmt.Errorf("start a %s of dead letters: %w", kind, err)
	}
	return j, queue.Notify(ctx, db)
}

// Jobs lists the jobs of the last days, newest first.
func Jobs(ctx context.Context, db queue.DB) ([]Job, error) {
	rows, err := db.Query(ctx, `select `+jobColumns+` from queue.job order by id desc limit 100`)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanJob)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return list, nil
}

// GetJob gives one job, or fault.NotFound.
func GetJob(ctx context.Context, db queue.DB, id int64) (Job, error) {
	return found(id)(one(ctx, db, `select `+jobColumns+` from queue.job where id = $1`, id))
}

// CancelJob ends a job before its time: what it has done stays done. It returns
// the job as it is then, or fault.NotFound.
func CancelJob(ctx context.Context, db queue.DB, id int64) (Job, error) {
	return found(id)(one(ctx, db, `
update queue.job set state = case when state = 'running' then 'cancelled' else state end where id = $1 returning `+jobColumns, id))
}

func one(ctx context.Context, db queue.DB, sql string, args ...any) (Job, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return Job{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanJob)
}

func found(id int64) func(Job, error) (Job, error) {
	return func(j Job, err error) (Job, error) {
		if errors.Is(err, pgx.ErrNoRows) {
			return Job{}, fault.New(fault.NotFound, "no_job", "there is no job %d", id)
		}
		if err != nil {
			return Job{}, fmt.Errorf("read job %d: %w", id, err)
		}
		return j, nil
	}
}
