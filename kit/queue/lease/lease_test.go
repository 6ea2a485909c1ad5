package lease_test

import (
	"testing"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/queue/deadletter"
	"fnstore/kit/queue/lease"
)

// A worker that was asleep for longer than its lease must not decide.
func TestFinish_OldFence(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{})
	zombie := one(t, db, 1)
	expire(t, db)
	heir := one(t, db, 2)
	if heir.ID != zombie.ID || heir.Attempt != 2 {
		t.Fatalf("heir %+v", heir)
	}
	for _, v := range []lease.Verdict{lease.Done, lease.Retry, lease.Dead} {
		if refused := finish(t, db, lease.Outcome{Key: zombie.Key(), Verdict: v, Failure: lease.Failure{Code: "c", Reason: "r"}}); len(refused) != 1 {
			t.Errorf("%s with an old fence was accepted", v)
		}
	}
	lost, err := lease.Open(db).Renew(t.Context(), []lease.Key{zombie.Key(), heir.Key()})
	if err != nil || len(lost) != 1 || lost[0] != zombie.Key() {
		t.Errorf("renew: lost %v, %v", lost, err)
	}
	if refused := finish(t, db, lease.Outcome{Key: heir.Key(), Verdict: lease.Done}); len(refused) != 0 {
		t.Error("the heir was refused")
	}
	if refused := finish(t, db, lease.Outcome{Key: heir.Key(), Verdict: lease.Done}); len(refused) != 1 {
		t.Error("done twice")
	}
	if n := count(t, db, "done"); n != 1 {
		t.Errorf("%d records of one message", n)
	}
}

func TestFinish_RetriesAreCounted(t *testing.T) {
	db := open(t)
	a := enqueue(t, db, queue.New{Body: []byte("kept")})
	finish(t, db, lease.Outcome{Key: one(t, db, 1).Key(), Verdict: lease.Retry, Failure: lease.Failure{Status: 503, Code: "busy", Reason: "come back"}})
	free := one(t, db, 1)
	finish(t, db, lease.Outcome{Key: free.Key(), Verdict: lease.Retry, Failure: lease.Failure{Status: 409, Code: "wait", Reason: "not yet"}, Free: true})
	m := one(t, db, 1)
	if m.Attempt != 2 {
		t.Fatalf("a free retry was counted: attempt %d", m.Attempt)
	}
	finish(t, db, lease.Outcome{Key: m.Key(), Verdict: lease.Dead, Failure: lease.Failure{Status: 422, Code: "bad\x00", Reason: "never \x00\xff"}})

	list, err := deadletter.List(t.Context(), db, deadletter.Filter{Function: "f"}, 0, 10)
	if err != nil || len(list) != 1 || list[0].Body != nil {
		t.Fatalf("dead letters %+v, %v", list, err)
	}
	l, err := deadletter.Get(t.Context(), db, nil, a.ID)
	if err != nil || string(l.Body) != "kept" || l.Code != "bad\uFFFD" || l.Reason != "never \uFFFD\uFFFD" || l.Attempts != 2 {
		t.Errorf("dead letter %+v, %v", l, err)
	}
	var reasons int
	if err := db.QueryRow(t.Context(), `select jsonb_array_length(history) from queue.dead`).Scan(&reasons); err != nil || reasons != 3 {
		t.Errorf("%d entries of history, %v: %v", reasons, err, l.History)
	}
	if p, _ := queue.Find(t.Context(), db, a.CallID); p.State != queue.Failed || p.Code != l.Code {
		t.Errorf("progress %+v", p)
	}
	if _, err := deadletter.Get(t.Context(), db, nil, a.ID+1); fault.Of(err).Kind != fault.NotFound {
		t.Errorf("a letter that is not there: %v", err)
	}
}

// A message past its deadline, or older than what is kept, is a dead letter;
// nothing waits for ever, and its group goes on.
func TestBury_WhatNobodyMayClaim(t *testing.T) {
	db := open(t)
	late := enqueue(t, db, queue.New{Deadline: time.Now().Add(-time.Second), Group: "g"})
	old := enqueue(t, db, queue.New{Group: "g"})
	next := enqueue(t, db, queue.New{Group: "g"})
	if _, err := db.Exec(t.Context(), "update queue.message set queued_at = now() - interval '15 days' where id = $1", old.ID); err != nil {
		t.Fatal(err)
	}
	q := lease.Open(db)
	if n, err := q.Bury(t.Context()); err != nil || n != 1 {
		t.Fatalf("buried %d, %v", n, err)
	}
	if n, err := q.Expire(t.Context(), lease.DefaultKeep); err != nil || n != 1 {
		t.Fatalf("expired %d, %v", n, err)
	}
	for id, code := range map[int64]string{old.ID: "expired", late.ID: "deadline_passed"} {
		if l, err := deadletter.Get(t.Context(), db, nil, id); err != nil || l.Code != code {
			t.Errorf("letter %d: %+v, %v; want %s", id, l, err, code)
		}
	}
	if m := one(t, db, 1); m.ID != next.ID {
		t.Errorf("the group went on with %d, want %d", m.ID, next.ID)
	}
}

// A delivery whose worker died stands in the history, and the next one knows.
func TestClaim_AfterAWorkerDied(t *testing.T) {
	db := open(t)
	a := enqueue(t, db, queue.New{})
	if m := one(t, db, 1); m.Lost {
		t.Error("nobody had it before")
	}
	expire(t, db) // the worker died
	m := one(t, db, 2)
	if !m.Lost || m.Attempt != 2 {
		t.Errorf("%+v", m)
	}
	p, err := queue.Find(t.Context(), db, a.CallID)
	if err != nil || p.Code != "worker_lost" {
		t.Errorf("%+v, %v", p, err)
	}
	finish(t, db, lease.Outcome{Key: m.Key(), Verdict: lease.Retry, Failure: lease.Failure{Code: "c"}})
	if m := one(t, db, 1); m.Lost {
		t.Error("the last one ended with a verdict")
	}
}

// A message that was not called stands in no history and counts as no delivery.
func TestFinish_NotCalled(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{})
	for range 2 {
		m := one(t, db, 1)
		if m.Attempt != 1 || m.Deliveries != 1 {
			t.Errorf("%+v", m)
		}
		finish(t, db, lease.Outcome{Key: m.Key(), Verdict: lease.Retry, Free: true})
	}
	var entries int
	if err := db.QueryRow(t.Context(), `select jsonb_array_length(history) from queue.message`).Scan(&entries); err != nil || entries != 0 {
		t.Errorf("%d entries, %v", entries, err)
	}
}

// However often a message fails, its row does not grow without end.
func TestFinish_HistoryIsBounded(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{})
	for range 60 {
		finish(t, db, lease.Outcome{Key: one(t, db, 1).Key(), Verdict: lease.Retry, Failure: lease.Failure{Code: "c"}})
	}
	var entries, first, last int
	err := db.QueryRow(t.Context(), `select jsonb_array_length(history), (history->0->>'attempt')::int, (history->-1->>'attempt')::int from queue.message`).Scan(&entries, &first, &last)
	if err != nil || entries != 50 || first != 1 || last != 60 {
		t.Errorf("%d entries from %d to %d, %v", entries, first, last, err)
	}
}

// A crash of the server may undo a claim. The fence that was given out then is
// nobody else's, ever.
func TestClaim_UndoneByACrash(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{})
	before := one(t, db, 1)
	if _, err := db.Exec(t.Context(), "update queue.message set fence = 0, attempt = 0, deliveries = 0, leased_by = null, visible_at = now()"); err != nil {
		t.Fatal(err)
	}
	after := one(t, db, 2)
	if before.Fence == after.Fence {
		t.Fatal("two leases have one fence")
	}
	if refused := finish(t, db, lease.Outcome{Key: before.Key(), Verdict: lease.Done}); len(refused) != 1 {
		t.Error("the lease that was undone decided")
	}
	if refused := finish(t, db, lease.Outcome{Key: after.Key(), Verdict: lease.Done}); len(refused) != 0 {
		t.Error("the lease in force was refused")
	}
	var commit string
	if err := db.QueryRow(t.Context(), "show synchronous_commit").Scan(&commit); err != nil || commit != "on" {
		t.Errorf("the connection commits with %s, %v", commit, err)
	}
}
