// Package circuit stops deliveries to a function that fails, so that an outage
// costs no message its attempts and the function no calls that are bound to
// fail. While a circuit is open its function's messages wait, and one of them is
// delivered now and then as a probe; the first that succeeds closes it. The
// package does not know what a failure is.
//
//	         Trip                  PausedAfter
//	closed ────────▶ open ────────────────────────▶ paused
//	   ▲              │ probes after 1 s, 2 s, … 5 min │ probes every 5 min,
//	   │              │                                │ none when an operator paused it
//	   └──────────────┴── Close (a probe succeeded), Resume ─┘
package circuit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
)

// PausedAfter is how long a circuit is open before its function counts as
// paused, which is said wherever functions are listed.
const PausedAfter = 15 * time.Minute

// Pauses before a probe: each is twice the one before, and half of it random.
const (
	FirstPause = time.Second
	LastPause  = 5 * time.Minute
)

// State is what a circuit means for its function.
type State string

// The states of a circuit. There is no row for a closed one.
const (
	Open   State = "open"   // the function failed a moment ago
	Paused State = "paused" // it has failed for PausedAfter, or an operator paused it
)

// Circuit is why a function's messages wait.
type Circuit struct {
	Function string    `json:"function"`
	State    State     `json:"state"`
	Operator bool      `json:"operator"` // paused by hand: there are no probes
	OpenedAt time.Time `json:"opened_at"`
	ProbeAt  time.Time `json:"probe_at"` // when the next probe is due
	Code     string    `json:"code"`     // of the failure that opened it
	Reason   string    `json:"reason"`
}

// List gives all circuits that are not closed, by function.
func List(ctx context.Context, db queue.DB) ([]Circuit, error) {
	rows, err := db.Query(ctx, `
select fn, case when operator or opened_at < now() - $1::interval then 'paused' else 'open' end,
       operator, opened_at, probe_at, code, reason
from queue.circuit order by fn`, PausedAfter)
	if err != nil {
		return nil, fmt.Errorf("list circuits: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Circuit])
	if err != nil {
		return nil, fmt.Errorf("list circuits: %w", err)
	}
	return list, nil
}

// Trip opens the circuit of a function. One that is open stays as it is.
func Trip(ctx context.Context, db queue.DB, fn, code, reason string) error {
	return exec(ctx, db, "open the circuit of", fn, `
insert into queue.circuit (fn, probe_at, pause, code, reason)
values ($1, clock_timestamp() + $4::interval * (0.5 + random() / 2), 2 * $4::interval, $2, $3) on conflict (fn) do nothing`,
		code, reason, FirstPause)
}

// Close says that a probe succeeded. What an operator paused stays paused.
func Close(ctx context.Context, db queue.DB, fn string) error {
	return exec(ctx, db, "close the circuit of", fn, `delete from queue.circuit where fn = $1 and not operator`)
}

// Pause stops deliveries to a function until Resume. Deliveries under way end.
func Pause(ctx context.Context, db queue.DB, fn, reason string) error {
	return exec(ctx, db, "pause", fn, `
insert into queue.circuit (fn, operator, probe_at, pause, code, reason)
values ($1, true, 'infinity', interval '1 second', 'paused', $2)
on conflict (fn) do update set operator = true, probe_at = 'infinity', code = 'paused', reason = excluded.reason`, reason)
}

// Resume lets all of a function's messages flow again, whoever stopped them, and
// reports whether they were stopped. A function that still fails opens its
// circuit again. Workers are told.
func Resume(ctx context.Context, db queue.DB, fn string) (bool, error) {
	tag, err := db.Exec(ctx, `delete from queue.circuit where fn = $1`, fn)
	if err != nil {
		return false, fmt.Errorf("resume %s: %w", fn, err)
	}
	return tag.RowsAffected() > 0, queue.Notify(ctx, db)
}

func exec(ctx context.Context, db queue.DB, what, fn, sql string, args ...any) error {
	if _, err := db.Exec(ctx, sql, append([]any{fn}, args...)...); err != nil {
		return fmt.Errorf("%s %s: %w", what, fn, err)
	}
	return nil
}
