package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/fault"
)

// Letter is a dead letter: a message that nobody will try again by itself.
type Letter struct {
	ID        int64           `json:"id"`
	Function  string          `json:"function"`
	CallID    string          `json:"call_id"`
	Method    string          `json:"method"`
	Path      string          `json:"path"`
	CreatedAt time.Time       `json:"created_at"`
	DiedAt    time.Time       `json:"died_at"`
	Attempts  int             `json:"attempts"`
	Code      string          `json:"code"`
	Reason    string          `json:"reason"`
	History   json.RawMessage `json:"history"`
	Body      []byte          `json:"body,omitempty"`
}

const letterColumns = `id, fn, call_id, method, path, created_at, died_at, attempt, code, reason, history`

// DeadLetters lists the newest dead letters without their bodies, at most
// limit, of one function or of all when fn is "".
func DeadLetters(ctx context.Context, db DB, fn string, limit int) ([]Letter, error) {
	rows, err := db.Query(ctx, `select `+letterColumns+`, null::bytea from queue.dead
where $1 = '' or fn = $1 order by died_at desc, id desc limit $2`, fn, limit)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Letter])
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return list, nil
}

// DeadLetter gives one dead letter with its body, or fault.NotFound.
func DeadLetter(ctx context.Context, db DB, id int64) (Letter, error) {
	rows, err := db.Query(ctx, `select `+letterColumns+`, body from queue.dead where id = $1`, id)
	if err != nil {
		return Letter{}, fmt.Errorf("read dead letter: %w", err)
	}
	l, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Letter])
	if errors.Is(err, pgx.ErrNoRows) {
		return Letter{}, fault.New(fault.NotFound, "no_dead_letter", "there is no dead letter %d", id)
	}
	if err != nil {
		return Letter{}, fmt.Errorf("read dead letter: %w", err)
	}
	return l, nil
}

// State is where a call stands.
type State string

// The states of a call that was put into the queue.
const (
	Unknown   State = "unknown" // never seen, or forgotten since
	Waiting   State = "waiting"
	Running   State = "running"
	Succeeded State = "done"
	Failed    State = "dead"
)

// Progress is what is known of the message with a call id.
type Progress struct {
	State    State           `json:"state"`
	Attempts int             `json:"attempts"`
	Reason   string          `json:"reason,omitempty"` // of the last failure
	Code     string          `json:"code,omitempty"`
	History  json.RawMessage `json:"history,omitempty"`
}

// Find tells where the call stands. When the same id was used more than once,
// the newest message counts.
func Find(ctx context.Context, db DB, callID string) (Progress, error) {
	var p Progress
	err := db.QueryRow(ctx, `
select state, attempt, coalesce(reason, ''), coalesce(code, ''), history from (
    select id, case when leased_by is null then 'waiting' else 'running' end as state, attempt,
           history->-1->>'reason' as reason, history->-1->>'code' as code, history
    from queue.message where call_id = $1
    union all
    select id, 'done', attempt, null, null, history from queue.done where call_id = $1
    union all
    select id, 'dead', attempt, reason, code, history from queue.dead where call_id = $1
) all_of_them order by id desc limit 1`, callID).Scan(&p.State, &p.Attempts, &p.Reason, &p.Code, &p.History)
	if errors.Is(err, pgx.ErrNoRows) {
		return Progress{State: Unknown}, nil
	}
	if err != nil {
		return Progress{}, fmt.Errorf("find call %s: %w", callID, err)
	}
	return p, nil
}

// Maintain makes room for the days to come and forgets what is older than keep.
func Maintain(ctx context.Context, db DB, keep time.Duration) error {
	if _, err := db.Exec(ctx, `select queue.maintain($1)`, keep); err != nil {
		return fmt.Errorf("maintain the queue: %w", err)
	}
	return nil
}
