package queue_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/delivery/queuetest"
)

// claim leases up to room messages of f.
func claim(t *testing.T, db queue.Beginner, session int32, room int) []lease.Message {
	t.Helper()
	list, err := lease.Open(db).Claim(t.Context(), session, []lease.Want{{Function: "f", Max: room}})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// one claims exactly one message.
func one(t *testing.T, db queue.Beginner, session int32) lease.Message {
	t.Helper()
	list := claim(t, db, session, 1)
	if len(list) != 1 {
		t.Fatalf("claimed %d messages, want 1", len(list))
	}
	return list[0]
}

func count(t *testing.T, db queue.DB, table string) int { return queuetest.Count(t, db, table) }

func TestMessage_ClaimedOnceAndDone(t *testing.T) {
	_, db := queuetest.Open(t)
	in := queue.New{Path: "/a?b=c", Headers: map[string][]string{"X-A": {"1", "2"}}, Body: []byte("\x00body"), Trusted: true}
	a := queuetest.Enqueue(t, db, in)
	m := one(t, db, 1)
	if m.ID != a.ID || m.CallID != a.CallID || m.Method != "POST" || m.Path != in.Path || string(m.Body) != string(in.Body) ||
		!m.Trusted || m.Attempt != 1 || m.Deliveries != 1 || fmt.Sprint(m.Headers) != fmt.Sprint(in.Headers) {
		t.Errorf("claimed %+v", m)
	}
	if again := claim(t, db, 2, 5); len(again) != 0 {
		t.Errorf("a second worker claimed it too: %+v", again)
	}
	if p, _ := queue.Find(t.Context(), db, a.CallID); p.State != queue.Running {
		t.Errorf("state %q while it is leased", p.State)
	}
	refused, err := lease.Open(db).Finish(t.Context(), []lease.Outcome{{Key: m.Key(), Function: "f", Verdict: lease.Done, Failure: lease.Failure{Status: 200}}})
	if err != nil || len(refused) != 0 {
		t.Errorf("refused %v, %v", refused, err)
	}
	if p, _ := queue.Find(t.Context(), db, a.CallID); p.State != queue.Succeeded || p.Attempts != 1 {
		t.Errorf("after it is done: %+v", p)
	}
	if n := count(t, db, "message"); n != 0 {
		t.Errorf("%d rows left", n)
	}
}

// The message exists when, and only when, what it speaks of exists.
func TestEnqueue_BelongsToTheTransaction(t *testing.T) {
	_, db := queuetest.Open(t)
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	queuetest.Enqueue(t, tx, queue.New{})
	if got := claim(t, db, 1, 5); len(got) != 0 {
		t.Fatal("claimed before the commit")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "message"); n != 0 {
		t.Fatalf("%d messages after the rollback", n)
	}
}

// Seed: R41
func TestEnqueue_SameKey(t *testing.T) {
	_, db := queuetest.Open(t)
	n := queue.New{Body: []byte("x"), DedupKey: "k"}
	var all sync.WaitGroup
	got := make([]queue.Accepted, 20)
	for i := range got {
		all.Go(func() { got[i], _ = queue.Enqueue(t.Context(), db, withFunction(n)) })
	}
	all.Wait()
	first := 0
	for _, a := range got {
		if a.ID != got[0].ID || a.CallID != got[0].CallID {
			t.Errorf("two messages for one key: %+v and %+v", a, got[0])
		}
		if !a.Duplicate {
			first++
		}
	}
	if first != 1 || count(t, db, "message") != 1 {
		t.Errorf("%d firsts, %d messages", first, count(t, db, "message"))
	}

	n.Body = []byte("y")
	if _, err := queue.Enqueue(t.Context(), db, withFunction(n)); fault.Of(err).Kind != fault.Unprocessable {
		t.Errorf("another body under the same key: %v", err)
	}
	if _, err := db.Exec(t.Context(), "update queue.dedup set expires_at = now() - interval '1 second'"); err != nil {
		t.Fatal(err)
	}
	if a := queuetest.Enqueue(t, db, n); a.Duplicate || a.ID == got[0].ID {
		t.Errorf("the window is over, and still %+v", a)
	}
}

func withFunction(n queue.New) queue.New { n.Function = "f"; return n }

// A key may be remembered for as long as a source may repeat itself: the seed's
// five minutes are a default and no limit.
//
// Seed: B41
func TestEnqueue_LongWindow(t *testing.T) {
	_, db := queuetest.Open(t)
	n := queue.New{DedupKey: "etag", DedupWindow: 30 * 24 * time.Hour}
	first := queuetest.Enqueue(t, db, n)
	if _, err := db.Exec(t.Context(), "update queue.dedup set expires_at = expires_at - interval '29 days'"); err != nil {
		t.Fatal(err)
	}
	if err := lease.Open(db).Maintain(t.Context(), lease.DefaultKeep); err != nil {
		t.Fatal(err)
	}
	if again := queuetest.Enqueue(t, db, n); !again.Duplicate || again.ID != first.ID {
		t.Errorf("after 29 days: %+v", again)
	}
}
