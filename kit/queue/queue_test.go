package queue_test

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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

func TestAGroupGoesOneByOneInOrder(t *testing.T) {
	db := open(t)
	var ids []int64
	for i := range 4 {
		ids = append(ids, enqueue(t, db, queue.New{Group: "g", Path: fmt.Sprint("/", i)}).ID)
	}
	other := enqueue(t, db, queue.New{Group: "h"})
	verdicts := []queue.Verdict{queue.Done, queue.Dead, queue.Done, queue.Done}
	for i, want := range ids {
		list := claim(t, db, 1, 10)
		if i == 0 {
			if len(list) != 2 || list[0].ID != want || list[1].ID != other.ID {
				t.Fatalf("first claim: %+v", list)
			}
			finish(t, db, queue.Outcome{Key: list[1].Key(), Verdict: queue.Done})
		} else if len(list) != 1 || list[0].ID != want {
			t.Fatalf("claim %d: %+v, want message %d alone", i, list, want)
		}
		// A retry keeps its place: nobody overtakes it.
		finish(t, db, queue.Outcome{Key: list[0].Key(), Verdict: queue.Retry, Delay: time.Hour})
		if got := claim(t, db, 1, 10); len(got) != 0 {
			t.Fatalf("overtaken by %+v", got)
		}
		expire(t, db)
		finish(t, db, queue.Outcome{Key: one(t, db, 1).Key(), Verdict: verdicts[i], Code: "c", Reason: "r"})
	}
	if n := count(t, db, "message"); n != 0 {
		t.Errorf("%d messages left", n)
	}
}

// Enqueue and Finish meet at every moment; a blocked message that nobody
// unblocks would wait for ever.
func TestNoGroupIsLeftBlocked(t *testing.T) {
	db := open(t)
	const writers, each = 4, 50
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				if _, err := queue.Enqueue(t.Context(), db, queue.New{Function: "f", Group: "g"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	enqueued := make(chan struct{})
	go func() { all.Wait(); close(enqueued) }()
	last := int64(0)
	for done := 0; done < writers*each; {
		list := claim(t, db, 1, 10)
		if len(list) > 1 {
			t.Fatalf("%d of one group at once", len(list))
		}
		if len(list) == 0 {
			select {
			case <-enqueued:
				if len(claim(t, db, 1, 1)) == 0 && count(t, db, "message") > 0 {
					t.Fatalf("%d messages are left and none can be claimed", count(t, db, "message"))
				}
				expire(t, db)
			default:
			}
			continue
		}
		if list[0].ID <= last {
			t.Fatalf("message %d after %d", list[0].ID, last)
		}
		last = list[0].ID
		finish(t, db, queue.Outcome{Key: list[0].Key(), Verdict: queue.Done})
		done++
	}
}

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

// The advisory lock of a worker that is gone frees its messages at once.
func TestASessionThatIsGoneIsSweptAtOnce(t *testing.T) {
	db := open(t)
	join := func() *queue.Session {
		conn, err := pgx.ConnectConfig(t.Context(), db.Config().ConnConfig.Copy())
		if err != nil {
			t.Fatal(err)
		}
		s, err := queue.Join(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	alive, dying := join(), join()
	defer alive.Leave(context.Background())
	enqueue(t, db, queue.New{})
	enqueue(t, db, queue.New{})
	kept, lost := one(t, db, alive.ID), one(t, db, dying.ID)
	if n, err := queue.Sweep(t.Context(), db); err != nil || n != 0 {
		t.Fatalf("swept %d of the living, %v", n, err)
	}
	if err := dying.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The server notices the closed connection in its own time.
	for n := int64(0); n == 0; {
		var err error
		if n, err = queue.Sweep(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	if m := one(t, db, alive.ID); m.ID != lost.ID {
		t.Errorf("claimed %d, want %d; %d is held", m.ID, lost.ID, kept.ID)
	}
}

func TestReleaseSpendsNothing(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{MaxAttempts: 1})
	m := one(t, db, 1)
	if err := queue.Release(t.Context(), db, []queue.Key{m.Key()}); err != nil {
		t.Fatal(err)
	}
	if again := one(t, db, 2); again.Attempt != 1 || again.Fence <= m.Fence {
		t.Errorf("after release: %+v", again)
	}
}

func TestNotifyWakesAWaiter(t *testing.T) {
	db := open(t)
	conn, err := pgx.ConnectConfig(t.Context(), db.Config().ConnConfig.Copy())
	if err != nil {
		t.Fatal(err)
	}
	s, err := queue.Join(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave(context.Background())
	if err := queue.Notify(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Wait(ctx, time.Hour); err != nil || ctx.Err() != nil {
		t.Errorf("not woken: %v, %v", err, ctx.Err())
	}
	if err := s.Wait(t.Context(), time.Millisecond); err != nil {
		t.Errorf("a wait that runs out is no error: %v", err)
	}
}

func TestMaintainKeepsTheDaysThatCount(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{DedupKey: "old"})
	for range 2 { // the second time changes nothing
		if err := queue.Maintain(t.Context(), db, 24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	partitions := func() (n int) {
		if err := db.QueryRow(t.Context(), `select count(*) from pg_inherits where inhparent = 'queue.done'::regclass`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := partitions(); n != 4 { // three days and the rest
		t.Errorf("%d partitions", n)
	}
	if _, err := db.Exec(t.Context(), `
create table queue.done_20200101 partition of queue.done for values from ('2020-01-01') to ('2020-01-02');
insert into queue.done values (1, 'f', null, 'c', '2020-01-01', '2020-01-01', 1, 200, '[]');
update queue.dedup set expires_at = '2020-01-01'`); err != nil {
		t.Fatal(err)
	}
	if err := queue.Maintain(t.Context(), db, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := partitions(); n != 4 || count(t, db, "done") != 0 || count(t, db, "dedup") != 0 {
		t.Errorf("kept: %d partitions, %d done, %d keys", n, count(t, db, "done"), count(t, db, "dedup"))
	}
}
