package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/queue/deadletter"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/delivery/queuetest"
)

// many makes dead letters by hand.
func many(t *testing.T, db *pgxpool.Pool, n int) {
	t.Helper()
	_, err := db.Exec(t.Context(), `
insert into queue.dead (id, fn, method, path, headers, body, call_id, trusted, created_at, attempt, history, died_at, code, reason)
select i, 'f', 'POST', '/', '{}', 'body', 'call-' || i, false, now(), 5, '[{"code": "c"}]', now(), 'c', 'r' from generate_series(1, $1) i`, n)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `select setval(pg_get_serial_sequence('queue.message', 'id'), $1)`, n+1); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, db *pgxpool.Pool, kind deadletter.Kind, f deadletter.Filter, rate int) deadletter.Job {
	t.Helper()
	j, err := deadletter.Start(t.Context(), db, kind, f, rate)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// step does the next step at once.
func step(t *testing.T, db *pgxpool.Pool) (moved int64, due bool) {
	t.Helper()
	if _, err := db.Exec(t.Context(), "update queue.job set step_at = now()"); err != nil {
		t.Fatal(err)
	}
	moved, due, err := deadletter.Step(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return moved, due
}

// dying fails the commit of a transaction, as a worker does that is killed
// before it.
type dying struct{ *pgxpool.Pool }

type dyingTx struct{ pgx.Tx }

func (d dying) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := d.Pool.Begin(ctx)
	return dyingTx{tx}, err
}

func (d dyingTx) Commit(ctx context.Context) error {
	_ = d.Tx.Rollback(ctx)
	return errors.New("killed")
}

// A retry of many survives the end of its worker: each letter becomes a message
// once, with its id and call id.
//
// Seed: R42
func TestJob_RetrySurvivesAKill(t *testing.T) {
	_, db := queuetest.Open(t)
	const n = 2600
	many(t, db, n)
	j := start(t, db, deadletter.Retry, deadletter.Filter{Function: "f"}, 1000)
	if j.Total != n {
		t.Errorf("%+v", j)
	}
	for i := range 3 {
		step(t, db)
		if _, err := db.Exec(t.Context(), "update queue.job set step_at = now()"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := deadletter.Step(t.Context(), dying{db}); err == nil {
			t.Fatalf("kill %d: the step survived", i)
		}
	}
	for due := true; due; {
		_, due = step(t, db)
	}
	j, err := deadletter.GetJob(t.Context(), db, j.ID)
	if err != nil || j.State != "done" || j.Done != n {
		t.Errorf("%+v, %v", j, err)
	}
	var messages, calls int
	if err := db.QueryRow(t.Context(), `select count(*), count(distinct (id, call_id)) from queue.message
where call_id = 'call-' || id and attempt = 0 and retried = 1 and body = 'body' and fence >= 1000000`).Scan(&messages, &calls); err != nil || messages != n || calls != n {
		t.Errorf("%d messages, %d calls, %v", messages, calls, err)
	}
	if left := queuetest.Count(t, db, "dead"); left != 0 {
		t.Errorf("%d letters left", left)
	}
}

// A job goes no faster than its rate, and touches nothing that died later or was
// not chosen.
func TestJob_RateAndScope(t *testing.T) {
	_, db := queuetest.Open(t)
	many(t, db, 20)
	start(t, db, deadletter.Purge, deadletter.Filter{IDs: []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}, 5)
	if _, err := db.Exec(t.Context(), "update queue.dead set died_at = now() + interval '1 second' where id = 3"); err != nil {
		t.Fatal(err)
	}
	if moved, _, err := deadletter.Step(t.Context(), db); err != nil || moved != 5 {
		t.Fatalf("moved %d, %v", moved, err)
	}
	if _, due, err := deadletter.Step(t.Context(), db); err != nil || due {
		t.Fatalf("a second step within the second: %t, %v", due, err)
	}
	step(t, db)
	step(t, db)
	if left := queuetest.Count(t, db, "dead"); left != 9 {
		t.Errorf("%d letters left, want those not chosen and the one that died later", left)
	}
	if _, err := deadletter.Start(t.Context(), db, deadletter.Retry, deadletter.Filter{}, deadletter.MaxRate+1); fault.Of(err).Kind != fault.Invalid {
		t.Errorf("a rate too high: %v", err)
	}
	j := start(t, db, deadletter.Retry, deadletter.Filter{}, 0)
	if j.Rate != deadletter.DefaultRetryRate {
		t.Errorf("%+v", j)
	}
	if j, err := deadletter.CancelJob(t.Context(), db, j.ID); err != nil || j.State != "cancelled" {
		t.Errorf("%+v, %v", j, err)
	}
	if moved, due := step(t, db); moved != 0 || due {
		t.Error("a cancelled job goes on")
	}
	if list, err := deadletter.Jobs(t.Context(), db); err != nil || len(list) != 2 || list[0].ID != j.ID || len(list[1].Filter.IDs) != 12 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := deadletter.GetJob(t.Context(), db, 99); fault.Of(err).Kind != fault.NotFound {
		t.Errorf("a job that is not there: %v", err)
	}
}

// What is sent again keeps its place in its group, and a worker of its first
// life cannot end it.
func TestJob_RetryOfAGroup(t *testing.T) {
	_, db := queuetest.Open(t)
	first := kill(t, db, "c", queue.New{Group: "g"})
	second := kill(t, db, "c", queue.New{Group: "g"})
	third := queuetest.Enqueue(t, db, queue.New{Group: "g"}).ID
	start(t, db, deadletter.Retry, deadletter.Filter{}, 0)
	step(t, db)
	q := lease.Open(db)
	var order []int64
	for range 3 {
		list, err := q.Claim(t.Context(), 1, []lease.Want{{Function: "f", Max: 10}})
		if err != nil || len(list) != 1 {
			t.Fatalf("claimed %+v, %v", list, err)
		}
		m := list[0]
		old := lease.Outcome{Key: lease.Key{ID: m.ID, Fence: 1<<32 | 1}, Function: "f", Group: "g", Verdict: lease.Done}
		if m.ID != third {
			if refused, err := q.Finish(t.Context(), []lease.Outcome{old}); err != nil || len(refused) != 1 {
				t.Errorf("a worker of its first life ended it: %v", err)
			}
		}
		order = append(order, m.ID)
		if _, err := q.Finish(t.Context(), []lease.Outcome{{Key: m.Key(), Function: "f", Group: "g", Verdict: lease.Done}}); err != nil {
			t.Fatal(err)
		}
	}
	// The third was the head of its group already; the others follow in order.
	if fmt.Sprint(order) != fmt.Sprint([]int64{third, first, second}) {
		t.Errorf("delivered %v", order)
	}
}
