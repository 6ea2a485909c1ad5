package queue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"fnstore/kit/fault"
)

// depth keeps an estimate of what waits for each function. An exact count would
// be a row that every sender and every worker writes; so it is counted now and
// then, and what this process accepts is added meanwhile. The estimate is too
// high by what was delivered since, until a function's limit seems reached: then
// it is counted before anybody is refused.
type depth struct {
	db     DB
	limits Limits

	mu sync.Mutex
	of map[string]*level
}

type level struct {
	messages, bytes int64
	since           struct{ messages, bytes int64 } // added since the count began
	at              time.Time                       // of the count
	took            time.Duration
	counting        chan struct{} // closed when the count is over; nil when there is none
}

// How often a function's messages are counted: at most one part in countShare of
// the time goes into it.
const (
	countShare  = 20
	countFull   = 100 * time.Millisecond // when the limit seems reached
	countHalf   = time.Second            // above half of it
	countBelow  = time.Minute
	fullWait    = 5 * time.Second // that a client is asked to wait
	countAtMost = 30 * time.Second
)

func newDepth(db DB, l Limits) *depth {
	l.Messages, l.Bytes = or(l.Messages, DefaultMaxMessages), or(l.Bytes, DefaultMaxBytes)
	return &depth{db: db, limits: l, of: map[string]*level{}}
}

// admit counts a message of so many bytes in, or refuses it.
func (d *depth) admit(ctx context.Context, fn string, size int64) error {
	d.mu.Lock()
	l := d.of[fn]
	if l == nil {
		l = &level{}
		d.of[fn] = l
	}
	every := countBelow
	switch full := d.full(l, size); {
	case full:
		every = countFull
	case 2*l.messages > d.limits.Messages || 2*l.bytes > d.limits.Bytes:
		every = countHalf
	}
	if l.counting == nil && time.Since(l.at) > max(every, l.took*countShare) {
		l.counting = make(chan struct{})
		l.since.messages, l.since.bytes = 0, 0
		go d.count(fn, l)
	}
	if counting := l.counting; counting != nil && (d.full(l, size) || l.at.IsZero()) {
		d.mu.Unlock()
		select {
		case <-counting:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		d.mu.Lock()
	}
	defer d.mu.Unlock()
	if d.full(l, size) {
		return fault.New(fault.TooMany, "queue_full", "%d messages with %d bytes wait for %s, and no more may", l.messages, l.bytes, fn).After(fullWait)
	}
	l.messages++
	l.bytes += size
	l.since.messages++
	l.since.bytes += size
	return nil
}

func (d *depth) full(l *level, size int64) bool {
	return l.messages+1 > d.limits.Messages || l.bytes+size > d.limits.Bytes
}

// A message of a group that waits for another one is in another index.
const countSQL = `
select count(*), coalesce(sum(body_size), 0) from (
    (select body_size from queue.message where fn = $1 and not blocked limit $2)
    union all
    (select body_size from queue.message where fn = $1 and grp is not null and blocked limit $2)
) waiting`

func (d *depth) count(fn string, l *level) {
	ctx, cancel := context.WithTimeout(context.Background(), countAtMost)
	defer cancel()
	begun := time.Now()
	var messages, bytes int64
	err := d.db.QueryRow(ctx, countSQL, fn, d.limits.Messages+1).Scan(&messages, &bytes)
	if err != nil {
		err = fmt.Errorf("count messages of %s: %w", fn, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l.at, l.took = time.Now(), time.Since(begun)
	if err == nil { // else the estimate stays; who enqueues will meet the same trouble
		l.messages, l.bytes = messages+l.since.messages, bytes+l.since.bytes
	}
	close(l.counting)
	l.counting = nil
}
