package lease_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
)

func join(t *testing.T, db *pgxpool.Pool) *lease.Session {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), db.Config().ConnConfig.Copy())
	if err != nil {
		t.Fatal(err)
	}
	s, err := lease.Join(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Who is alone may look less often; so whoever comes wakes it.
func TestJoin_IsNoticed(t *testing.T) {
	db := open(t)
	alone := func(s *lease.Session) bool {
		t.Helper()
		is, err := s.Alone(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	first := join(t, db)
	defer first.Leave(context.Background())
	if err := first.Wait(t.Context()); err != nil { // it hears of itself
		t.Fatal(err)
	}
	if !alone(first) {
		t.Error("the only session is not alone")
	}
	second := join(t, db)
	if err := first.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if alone(first) || alone(second) {
		t.Error("of two sessions one is alone")
	}
	if err := second.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	for !alone(first) { // the server notices in its own time
	}
}

// The advisory lock of a worker that is gone frees its messages at once.
func TestSweep_SessionGone(t *testing.T) {
	db := open(t)
	alive, dying := join(t, db), join(t, db)
	defer alive.Leave(context.Background())
	enqueue(t, db, queue.New{})
	enqueue(t, db, queue.New{})
	kept, lost := one(t, db, alive.ID), one(t, db, dying.ID)
	if n, err := lease.Open(db).Sweep(t.Context(), []string{"f"}); err != nil || n != 0 {
		t.Fatalf("swept %d of the living, %v", n, err)
	}
	if err := dying.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The server notices the closed connection in its own time.
	for n := int64(0); n == 0; {
		var err error
		if n, err = lease.Open(db).Sweep(t.Context(), []string{"f"}); err != nil {
			t.Fatal(err)
		}
	}
	if m := one(t, db, alive.ID); m.ID != lost.ID {
		t.Errorf("claimed %d, want %d; %d is held", m.ID, lost.ID, kept.ID)
	}
}

func TestRelease_SpendsNothing(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{})
	m := one(t, db, 1)
	if err := lease.Open(db).Release(t.Context(), []lease.Key{m.Key()}); err != nil {
		t.Fatal(err)
	}
	if again := one(t, db, 2); again.Attempt != 1 || again.Deliveries != 1 || again.Fence <= m.Fence {
		t.Errorf("after release: %+v", again)
	}
}

func TestWait_Notify(t *testing.T) {
	db := open(t)
	s := join(t, db)
	defer s.Leave(context.Background())
	if err := s.Wait(t.Context()); err != nil { // it hears of itself
		t.Fatal(err)
	}
	if err := queue.Notify(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Wait(ctx); err != nil {
		t.Errorf("not woken: %v", err)
	}
	brief, enough := context.WithTimeout(t.Context(), time.Millisecond)
	defer enough()
	if err := s.Wait(brief); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody notified: %v", err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("a wait that was broken off costs the session: %v", err)
	}
}

func TestMaintain_Keeps(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{DedupKey: "old"})
	for range 2 { // the second time changes nothing
		if err := lease.Open(db).Maintain(t.Context(), 24*time.Hour); err != nil {
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
	if err := lease.Open(db).Maintain(t.Context(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := partitions(); n != 4 || count(t, db, "done") != 0 || count(t, db, "dedup") != 0 {
		t.Errorf("kept: %d partitions, %d done, %d keys", n, count(t, db, "done"), count(t, db, "dedup"))
	}
}
