package queue

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
	Bury    bool          // one can never be claimed again, see Bury
	Foreign bool          // other sessions hold leases, and one that dies tells nobody
	In      time.Duration // until the next of the above comes true by itself, or Never
}

// Never is an Outlook's In when nothing that is in the queue waits for a time.
const Never = time.Duration(1<<63 - 1)

// Foresee gives the outlook of a session that has room for these functions. It
// only reads, and touches a few rows however long the queue is. The server's
// clock alone counts: a worker's may be an hour off.
func Foresee(ctx context.Context, db DB, session int32, functions []string) (Outlook, error) {
	var (
		o           Outlook
		claim, bury *int64 // microseconds from now; nil for never
	)
	if err := db.QueryRow(ctx, foreseeSQL, functions, session).Scan(&claim, &bury, &o.Foreign); err != nil {
		return o, fmt.Errorf("look ahead in the queue: %w", err)
	}
	o.In = Never
	o.Claim = o.due(claim)
	o.Bury = o.due(bury)
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
// speaks of those whose worker dies as well.
const foreseeSQL = `
select
    ceil(extract(epoch from (
        select min(first.visible_at)
        from unnest($1::text[]) as want(fn)
        cross join lateral (
            select visible_at from queue.message
            where fn = want.fn and not blocked and attempt < max_attempts and (deadline is null or deadline > now())
            order by visible_at limit 1
        ) first
    ) - now()) * 1e6)::bigint,
    ceil(extract(epoch from least(
        (select visible_at from queue.message where attempt >= max_attempts order by visible_at limit 1),
        (select deadline from queue.message where deadline > now() order by deadline limit 1),
        (select min(visible_at) from (
            select visible_at from queue.message where deadline <= now() order by deadline limit 100
        ) late)
    ) - now()) * 1e6)::bigint,
    exists (select from queue.message where leased_by < $2) or exists (select from queue.message where leased_by > $2)`
