package queue_test

import (
	"fmt"
	"io/fs"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

// open gives a migrated, empty queue.
func open(t *testing.T) *pgxpool.Pool {
	t.Helper()
	url := servicestest.Postgres(t)
	dir, err := fs.Sub(queue.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Apply(t.Context(), url, []migrate.Source{{Name: "kit_queue", FS: dir}}); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func enqueue(t *testing.T, db queue.DB, n queue.New) queue.Accepted {
	t.Helper()
	if n.Function == "" {
		n.Function = "f"
	}
	a, err := queue.Enqueue(t.Context(), db, n)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func claim(t *testing.T, db queue.DB, session int32, room int) []queue.Message {
	t.Helper()
	list, err := queue.Claim(t.Context(), db, session, []queue.Want{{Function: "f", Room: room}})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// one claims exactly one message.
func one(t *testing.T, db queue.DB, session int32) queue.Message {
	t.Helper()
	list := claim(t, db, session, 1)
	if len(list) != 1 {
		t.Fatalf("claimed %d messages, want 1", len(list))
	}
	return list[0]
}

func finish(t *testing.T, db queue.Beginner, o ...queue.Outcome) (refused []queue.Key) {
	t.Helper()
	refused, err := queue.Finish(t.Context(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	return refused
}

func count(t *testing.T, db queue.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "select count(*) from queue."+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// expire lets every lease and delay run out.
func expire(t *testing.T, db queue.DB) {
	t.Helper()
	if _, err := db.Exec(t.Context(), "update queue.message set visible_at = now() - interval '1 second'"); err != nil {
		t.Fatal(err)
	}
}

func TestAMessageIsClaimedOnceAndDone(t *testing.T) {
	db := open(t)
	in := queue.New{Path: "/a?b=c", Headers: map[string][]string{"X-A": {"1", "2"}}, Body: []byte("\x00body"), Trusted: true}
	a := enqueue(t, db, in)
	m := one(t, db, 1)
	if m.ID != a.ID || m.CallID != a.CallID || m.Method != "POST" || m.Path != in.Path || string(m.Body) != string(in.Body) ||
		!m.Trusted || m.Attempt != 1 || m.MaxAttempts != 3 || fmt.Sprint(m.Headers) != fmt.Sprint(in.Headers) {
		t.Errorf("claimed %+v", m)
	}
	if again := claim(t, db, 2, 5); len(again) != 0 {
		t.Errorf("a second worker claimed it too: %+v", again)
	}
	if p, _ := queue.Find(t.Context(), db, a.CallID); p.State != queue.Running {
		t.Errorf("state %q while it is leased", p.State)
	}
	if refused := finish(t, db, queue.Outcome{Key: m.Key(), Verdict: queue.Done, Status: 200}); len(refused) != 0 {
		t.Errorf("refused %v", refused)
	}
	if p, _ := queue.Find(t.Context(), db, a.CallID); p.State != queue.Succeeded || p.Attempts != 1 {
		t.Errorf("after it is done: %+v", p)
	}
	if n := count(t, db, "message"); n != 0 {
		t.Errorf("%d rows left", n)
	}
}

// The message exists when, and only when, what it speaks of exists.
func TestEnqueueBelongsToTheTransaction(t *testing.T) {
	db := open(t)
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	enqueue(t, tx, queue.New{})
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

func TestTheSameKeyIsTheSameMessage(t *testing.T) {
	db := open(t)
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
	if a := enqueue(t, db, n); a.Duplicate || a.ID == got[0].ID {
		t.Errorf("the window is over, and still %+v", a)
	}
}

func withFunction(n queue.New) queue.New { n.Function = "f"; return n }
