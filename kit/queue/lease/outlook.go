package lease

import (
	"context"
	"fmt"
	"time"
)

// Outlook is what a worker may expect of the queue: what there is to do now,
// and when that changes though nobody says a word. With it a worker sleeps until
// the next message is due where it would have to look every second.
type Outlook struct {
	Claim   bool          // a message can be claimed
	Bury    bool          // one is past its deadline, see Bury
	Jobs    bool          // a step of a job on dead letters is due
	Foreign bool          // other sessions hold leases, and one that dies tells nobody
	In      time.Duration // until the next of the above comes true by itself, or Never
}

// Never is an Outlook's In when nothing that is in the queue waits for a time.
const Never = time.Duration(1<<63 - 1)

// Foresee gives the outlook of a session that has room for these functions. It
// only reads, and touches a few rows however long the queue is. The server's
// clock alone counts: a worker's may be an hour off.
func (q *Queue) Foresee(ctx context.Context, session int32, functions []string) (Outlook, error) {
	since := make([]time.Time, len(functions))
	now := time.Now()
	q.mu.Lock()
	for i, fn := range functions {
		since[i] = q.marks.from(fn, now)
	}
	q.mu.Unlock()
	var (
		o                Outlook
		claim, bury, job *int64 // microseconds from now; nil for never
	)
	if err := q.db.QueryRow(ctx, foreseeSQL, functions, session, since, Duration).Scan(&claim, &bury, &job, &o.Foreign); err != nil {
		return o, fmt.Errorf("look ahead in the queue: %w", err)
	}
	o.In = Never
	o.Claim = o.due(claim)
	o.Bury = o.due(bury)
	o.Jobs = o.due(job)
	return o, nil
}

// due tells whether a time has come; when it has not, the outlook reaches no
// further than to it.
func (o *Outlook) due(in *int64) bool {
	if in == nil {
		return false
	}
	if *in > 0 {
		o.In = min(o.In, time.Duration(min(*in, maxIn))*time.Microsecond)
	}
	return *in <= 0
}

// maxIn keeps far times from overflowing a Duration, in microseconds: a year.
const maxIn = 365 * 24 * 3600 * 1e6

// A message that is leased is due when its lease ends, so the first column
// speaks of those whose worker dies as well. A lease ends within its length, so
// the last one reads no further; and it reads at all only where there are other
// workers.
const foreseeSQL = `
select
    ceil(extract(epoch from (
        select min(greatest(first.visible_at, c.probe_at))
        from unnest($1::text[], $3::timestamptz[]) as want(fn, since)
        left join queue.circuit c on c.fn = want.fn
        cross join lateral (
            select visible_at from queue.message
            where fn = want.fn and not blocked and visible_at >= want.since and (deadline is null or deadline > now())
            order by visible_at limit 1
        ) first
        where c.fn is null or not c.operator
    ) - now()) * 1e6)::bigint,
    ceil(extract(epoch from least(
        (select deadline from queue.message where deadline > now() order by deadline limit 1),
        (select min(visible_at) from (
            select visible_at from queue.message where deadline <= now() order by deadline limit 100
        ) late)
    ) - now()) * 1e6)::bigint,
    ceil(extract(epoch from (
        select step_at from queue.job where state = 'running' order by step_at limit 1
    ) - now()) * 1e6)::bigint,
    case when exists (select from queue.worker where id <> $2) then exists (
        select from unnest($1::text[]) as want(fn)
        cross join lateral (
            select from queue.message
            where fn = want.fn and not blocked and visible_at > now() and visible_at <= now() + $4 and leased_by <> $2
            limit 1
        ) leased
    ) else false end`
