package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Record is what the queue knows of one message with a call id, while it waits,
// when it is done and as a dead letter. It has nothing of what was sent.
type Record struct {
	ID         int64
	CallID     string
	Function   string
	State      State
	AcceptedAt time.Time
	EndedAt    time.Time // zero while it waits or runs
	Attempts   int
	Status     int           // of the answer that ended it; 0 for none
	Code       string        // of a dead letter
	Trace      string        // traceparent that it came with; "" when it is done
	Failures   []PastFailure // the attempts that failed, in order
}

// PastFailure is an attempt that failed, as the history keeps it.
type PastFailure struct {
	At       time.Time `json:"at"` // when it was over
	Attempt  int       `json:"attempt"`
	Delivery int       `json:"delivery"` // 0 where it is not known
	Status   int       `json:"status"`
	Code     string    `json:"code"`
}

// Records gives the messages with these call ids, in the order they were accepted.
func Records(ctx context.Context, db DB, callIDs []string) ([]Record, error) {
	rows, err := db.Query(ctx, `
select id, call_id, fn, state, created_at, ended_at, attempt, status, code, trace, history from (
    select id, call_id, fn, case when leased_by is null then 'waiting' else 'running' end as state, created_at, null::timestamptz as ended_at,
           attempt, 0 as status, '' as code, coalesce(headers->'Traceparent'->>0, '') as trace, history
    from queue.message where call_id = any($1)
    union all
    select id, call_id, fn, 'done', created_at, finished_at, attempt, status, '', '', history from queue.done where call_id = any($1)
    union all
    select id, call_id, fn, 'dead', created_at, died_at, attempt, coalesce((history->-1->>'status')::int, 0), code,
           coalesce(headers->'Traceparent'->>0, ''), history
    from queue.dead where call_id = any($1)
) r order by created_at, id limit 200`, callIDs)
	if err != nil {
		return nil, fmt.Errorf("read the records of calls: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Record, err error) {
		var ended *time.Time
		var history []byte
		if err := row.Scan(&r.ID, &r.CallID, &r.Function, &r.State, &r.AcceptedAt, &ended, &r.Attempts, &r.Status, &r.Code, &r.Trace, &history); err != nil {
			return r, err
		}
		if ended != nil {
			r.EndedAt = *ended
		}
		return r, json.Unmarshal(history, &r.Failures)
	})
	if err != nil {
		return nil, fmt.Errorf("read the records of calls: %w", err)
	}
	return list, nil
}
