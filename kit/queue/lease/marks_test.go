package lease_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
)

// drain claims and finishes all of f, in small steps.
func drain(t *testing.T, q *lease.Queue, room int) (n int) {
	t.Helper()
	for {
		list := claimFrom(t, q, 1, room)
		if len(list) == 0 {
			return n
		}
		n += len(list)
		outcomes := make([]lease.Outcome, len(list))
		for i, m := range list {
			outcomes[i] = lease.Outcome{Key: m.Key(), Function: "f", Group: m.Group, Verdict: lease.Done}
		}
		if _, err := q.Finish(t.Context(), outcomes); err != nil {
			t.Fatal(err)
		}
	}
}

// A backup holds a snapshot for minutes: what is done meanwhile stays in the
// table and its indexes. A claim must not read it again and again.
func TestMarks_OpenSnapshot(t *testing.T) {
	db := open(t)
	backup, err := db.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	defer backup.Rollback(t.Context())
	if err := backup.QueryRow(t.Context(), "select count(*) from queue.message").Scan(new(int)); err != nil {
		t.Fatal(err)
	}
	q := lease.Open(db)
	for range 20 {
		bulk(t, db, 200)
		if n := drain(t, q, 50); n != 200 {
			t.Fatalf("drained %d", n)
		}
	}
	bulk(t, db, 50)
	marked, all := pages(t, db, q.Mark("f")), pages(t, db, time.Time{})
	t.Logf("a claim reads %d pages from the mark, %d from the beginning", marked, all)
	if marked*3 > all {
		t.Errorf("a claim reads %d pages from the mark, %d from the beginning", marked, all)
	}
	if n := drain(t, q, 50); n != 50 {
		t.Errorf("drained %d", n)
	}
}

func bulk(t *testing.T, db *pgxpool.Pool, n int) {
	t.Helper()
	if _, err := db.Exec(t.Context(), `
insert into queue.message (fn, method, path, headers, call_id, trusted, visible_at)
select 'f', 'POST', '/', '{}', 'c', false, clock_timestamp() from (select pg_current_xact_id()) number, generate_series(1, $1)`, n); err != nil {
		t.Fatal(err)
	}
}

// pages gives how many pages the part of a claim reads that finds messages.
func pages(t *testing.T, db *pgxpool.Pool, since time.Time) int {
	t.Helper()
	conn, err := db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), "set enable_seqscan = off; set enable_bitmapscan = off; set jit = off"); err != nil {
		t.Fatal(err)
	}
	var raw []byte
	if err := conn.QueryRow(t.Context(), `explain (analyze, buffers, format json)
select id from queue.message where fn = 'f' and not blocked and visible_at >= $1 and visible_at <= now() order by visible_at limit 50`, since).Scan(&raw); err != nil {
		t.Fatal(err)
	}
	var plans []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	if err := json.Unmarshal(raw, &plans); err != nil {
		t.Fatal(err)
	}
	return plans[0].Plan.Hit + plans[0].Plan.Read
}

// A message whose transaction commits late lies before those that were claimed
// meanwhile. It is found by the next claim.
func TestMarks_LateCommit(t *testing.T) {
	db := open(t)
	q := lease.Open(db)
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	late := enqueue(t, tx, queue.New{})
	for range 10 {
		enqueue(t, db, queue.New{})
		if n := drain(t, q, 5); n != 1 {
			t.Fatalf("drained %d", n)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := claimFrom(t, q, 1, 5); len(list) != 1 || list[0].ID != late.ID {
		t.Fatalf("claimed %+v, want the late one", list)
	}
}

// One of a group that waited for the one before it has an old time too.
func TestMarks_Group(t *testing.T) {
	db := open(t)
	q := lease.Open(db)
	for range 5 {
		enqueue(t, db, queue.New{Group: "g"})
		enqueue(t, db, queue.New{})
	}
	if n := drain(t, q, 2); n != 10 {
		t.Errorf("drained %d of 10", n)
	}
}

// Senders commit at every moment beside a worker that claims. Once they are
// silent nothing is left behind a mark.
func TestMarks_ManySenders(t *testing.T) {
	db := open(t)
	q, s := lease.Open(db), queue.NewSender(db, nil, queue.Limits{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 150 {
				if _, err := s.Send(t.Context(), queue.New{Function: "f"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	silent := make(chan struct{})
	go func() { all.Wait(); close(silent) }()
	for done, over := 0, false; ; {
		n := drain(t, q, 20)
		done += n
		if over && n == 0 {
			if done != 8*150 {
				t.Errorf("%d of %d were found, %d are left", done, 8*150, count(t, db, "message"))
			}
			return
		}
		select {
		case <-silent:
			over = true
		default:
		}
	}
}
