package queue_test

import (
	"testing"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
)

// A worker that was asleep for longer than its lease must not decide.
func TestAnOldFenceDecidesNothing(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{})
	zombie := one(t, db, 1)
	expire(t, db)
	heir := one(t, db, 2)
	if heir.ID != zombie.ID || heir.Attempt != 2 {
		t.Fatalf("heir %+v", heir)
	}
	for _, v := range []queue.Verdict{queue.Done, queue.Retry, queue.Dead} {
		if refused := finish(t, db, queue.Outcome{Key: zombie.Key(), Verdict: v, Code: "c", Reason: "r"}); len(refused) != 1 {
			t.Errorf("%s with an old fence was accepted", v)
		}
	}
	lost, err := queue.Renew(t.Context(), db, []queue.Key{zombie.Key(), heir.Key()})
	if err != nil || len(lost) != 1 || lost[0] != zombie.Key() {
		t.Errorf("renew: lost %v, %v", lost, err)
	}
	if refused := finish(t, db, queue.Outcome{Key: heir.Key(), Verdict: queue.Done}); len(refused) != 0 {
		t.Error("the heir was refused")
	}
	if refused := finish(t, db, queue.Outcome{Key: heir.Key(), Verdict: queue.Done}); len(refused) != 1 {
		t.Error("done twice")
	}
	if n := count(t, db, "done"); n != 1 {
		t.Errorf("%d records of one message", n)
	}
}

func TestRetriesAreCountedAndWrittenDown(t *testing.T) {
	db := open(t)
	a := enqueue(t, db, queue.New{MaxAttempts: 2, Body: []byte("kept")})
	finish(t, db, queue.Outcome{Key: one(t, db, 1).Key(), Verdict: queue.Retry, Status: 503, Code: "busy", Reason: "come back"})
	free := one(t, db, 1)
	finish(t, db, queue.Outcome{Key: free.Key(), Verdict: queue.Retry, Status: 409, Code: "wait", Reason: "not yet", Free: true})
	m := one(t, db, 1)
	if m.Attempt != 2 {
		t.Fatalf("a free retry was counted: attempt %d", m.Attempt)
	}
	finish(t, db, queue.Outcome{Key: m.Key(), Verdict: queue.Dead, Status: 422, Code: "bad\x00", Reason: "never \x00\xff"})

	list, err := queue.DeadLetters(t.Context(), db, "f", 10)
	if err != nil || len(list) != 1 || list[0].Body != nil {
		t.Fatalf("dead letters %+v, %v", list, err)
	}
	l, err := queue.DeadLetter(t.Context(), db, a.ID)
	if err != nil || string(l.Body) != "kept" || l.Code != "bad\uFFFD" || l.Reason != "never \uFFFD\uFFFD" || l.Attempts != 2 {
		t.Errorf("dead letter %+v, %v", l, err)
	}
	var reasons int
	if err := db.QueryRow(t.Context(), `select jsonb_array_length(history) from queue.dead`).Scan(&reasons); err != nil || reasons != 3 {
		t.Errorf("%d entries of history, %v: %s", reasons, err, l.History)
	}
	if p, _ := queue.Find(t.Context(), db, a.CallID); p.State != queue.Failed || p.Code != l.Code {
		t.Errorf("progress %+v", p)
	}
	if _, err := queue.DeadLetter(t.Context(), db, a.ID+1); fault.Of(err).Kind != fault.NotFound {
		t.Errorf("a letter that is not there: %v", err)
	}
}

// A message that kills its worker each time, or comes too late, ends as a dead
// letter too: nothing may wait for ever.
func TestWhatNobodyMayClaimIsBuried(t *testing.T) {
	db := open(t)
	spent := enqueue(t, db, queue.New{MaxAttempts: 1, Group: "g"})
	late := enqueue(t, db, queue.New{Deadline: time.Now().Add(-time.Second)})
	next := enqueue(t, db, queue.New{Group: "g"})
	one(t, db, 1) // and the worker dies
	if n, err := queue.Bury(t.Context(), db); err != nil || n != 1 {
		t.Fatalf("buried %d, %v: the late one alone was due", n, err)
	}
	expire(t, db)
	if got := claim(t, db, 1, 5); len(got) != 0 {
		t.Fatalf("claimed %+v", got)
	}
	if n, err := queue.Bury(t.Context(), db); err != nil || n != 1 {
		t.Fatalf("buried %d, %v", n, err)
	}
	for id, code := range map[int64]string{spent.ID: "attempts_spent", late.ID: "deadline_passed"} {
		if l, err := queue.DeadLetter(t.Context(), db, id); err != nil || l.Code != code {
			t.Errorf("letter %d: %+v, %v; want %s", id, l, err, code)
		}
	}
	if m := one(t, db, 1); m.ID != next.ID {
		t.Errorf("the group went on with %d, want %d", m.ID, next.ID)
	}
}
