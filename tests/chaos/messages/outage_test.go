package messages

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"fnstore/kit/failpoint"
	"fnstore/kit/queue/deadletter"
	"fnstore/tests/chaos/messages/plan"
)

// A function that fails is called no more often than messages arrive for it, the
// others go on, and everything is delivered once it is mended.
func TestOutage_OfOneFunction(t *testing.T) {
	length := 10 * time.Second
	if full {
		length = 3 * time.Minute
	}
	r := open(t, seed(t), mutant{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var over atomic.Bool
	sent := make(chan *ledger, 1)
	go func() { // some 80 messages a second, for four functions
		sent <- r.send(ctx, 1, func() float64 {
			if over.Load() {
				return 1
			}
			return 0
		})
	}()
	broken, other := plan.Functions[0], plan.Functions[1]
	time.Sleep(5 * time.Second)
	_, _ = r.fns.figures(broken)
	_, before := r.fns.figures(other)
	r.fns.down.Store(broken)
	time.Sleep(length)
	calls, _ := r.fns.figures(broken)
	arrivals, during := r.fns.figures(other) // each is sent as many
	r.fns.down.Store("")
	if arrivals == 0 || float64(calls) > 1.1*float64(arrivals) {
		t.Errorf("%d calls of the function that failed, for about %d messages", calls, arrivals)
	}
	over.Store(true)
	l := <-sent
	idle, stop := context.WithTimeout(ctx, 3*time.Minute)
	defer stop()
	if err := r.settle(idle); err != nil {
		t.Error(err)
	}
	rep, err := r.check(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	if !rep.ok() {
		t.Error(rep)
	}
	fmt.Printf("messages: one function fails for %s: %d calls for about %d messages; p99 of another %v before, %v during; %v\n",
		length, calls, arrivals, before.Round(time.Millisecond), during.Round(time.Millisecond), rep)
}

// Dead letters that are sent again arrive, each of them, although the workers that
// move them are killed in between.
func TestDeadLetters_RetrySurvivesKills(t *testing.T) {
	letters := 2000
	if full {
		letters = 10_000
	}
	r := open(t, seed(t), mutant{})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	l := &ledger{attempted: letters, accepted: map[string]bool{}, bad: map[string]bool{}}
	for i := range letters {
		l.accepted[fmt.Sprintf("dead-%d", i)] = true
	}
	if _, err := r.db.pool.Exec(ctx, `
insert into queue.dead (id, fn, method, path, headers, body, body_size, call_id, trusted, created_at, attempt, deliveries, retried, fence,
                        history, died_at, code, reason)
select 1000000 + i, 'f0', 'POST', '/', '{}', '{"function":"f0"}', 17, 'dead-' || i, false, now(), 5, 5, 0, 1, '[]', now(), 'status_500', 'it failed'
from generate_series(0, $1::int - 1) i`, letters); err != nil {
		t.Fatal(err)
	}
	if _, err := deadletter.Start(ctx, r.db.pool, deadletter.Retry, deadletter.Filter{}, letters/5); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		one, stop := context.WithTimeout(ctx, 30*time.Second)
		if err := endAt(one, r, failpoint.Resent, nil); err != nil {
			t.Error(err)
		}
		stop()
	}
	for state := ""; state != "done"; time.Sleep(20 * time.Millisecond) {
		jobs, err := deadletter.Jobs(ctx, r.db.pool)
		if err != nil {
			t.Fatal(err)
		}
		if state = jobs[0].State; state == "done" && jobs[0].Done != int64(letters) {
			t.Errorf("the job says %d of %d", jobs[0].Done, letters)
		}
	}
	if err := r.settle(ctx); err != nil {
		t.Error(err)
	}
	rep, err := r.check(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	if !rep.ok() || rep.done != letters || rep.dead != 0 {
		t.Error(rep)
	}
	fmt.Printf("messages: %d dead letters sent again through 3 kills: %v\n", letters, rep)
}
