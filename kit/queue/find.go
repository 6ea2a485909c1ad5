package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

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
