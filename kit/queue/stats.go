package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Stats are the numbers of one function's messages.
type Stats struct {
	Function string        `json:"function"`
	Waiting  int64         `json:"waiting"`   // messages that wait: for a place, a pause, a probe or those before them
	InFlight int64         `json:"in_flight"` // messages that a worker has leased
	Age      time.Duration `json:"age"`       // of the oldest of both, since it was accepted; nanoseconds
	Attempts int64         `json:"attempts"`  // deliveries begun of the messages that are still here
	Dead     int64         `json:"dead"`      // dead letters that are kept
	DeadAge  time.Duration `json:"dead_age"`  // since the newest of them died; nanoseconds
	// State is "" while messages flow, else open or paused (see queue/circuit).
	State string `json:"state,omitempty"`
}

// ReadStats gives the numbers of every function that has messages, dead letters
// or an open circuit, by name. It reads the whole of the queue: about a second
// for a million messages, so ask it every few seconds at most.
func ReadStats(ctx context.Context, db DB) ([]Stats, error) {
	rows, err := db.Query(ctx, statsSQL)
	if err != nil {
		return nil, fmt.Errorf("read the queue's numbers: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Stats, err error) {
		var age, deadAge int64 // microseconds
		err = row.Scan(&s.Function, &s.Waiting, &s.InFlight, &age, &s.Attempts, &s.Dead, &deadAge, &s.State)
		s.Age, s.DeadAge = time.Duration(age)*time.Microsecond, time.Duration(deadAge)*time.Microsecond
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the queue's numbers: %w", err)
	}
	return list, nil
}

const statsSQL = `
select fn, coalesce(waiting, 0), coalesce(in_flight, 0), coalesce((extract(epoch from now() - oldest) * 1e6)::bigint, 0),
       coalesce(attempts, 0), coalesce(dead, 0), coalesce((extract(epoch from now() - newest_dead) * 1e6)::bigint, 0),
       coalesce(state, '')
from (
    select fn, count(*) filter (where leased_by is null) as waiting, count(leased_by) as in_flight,
           min(created_at) as oldest, sum(deliveries)::bigint as attempts
    from queue.message group by fn
) live
full join (select fn, count(*) as dead, max(died_at) as newest_dead from queue.dead group by fn) gone using (fn)
full join (
    select fn, case when operator or opened_at < now() - interval '15 minutes' then 'paused' else 'open' end as state
    from queue.circuit
) circuit using (fn)
order by fn`
