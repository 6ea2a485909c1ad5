package lease_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/delivery/queuetest"
)

func open(t *testing.T) *pgxpool.Pool {
	t.Helper()
	_, db := queuetest.Open(t)
	return db
}

func enqueue(t *testing.T, db queue.DB, n queue.New) queue.Accepted {
	t.Helper()
	return queuetest.Enqueue(t, db, n)
}

func count(t *testing.T, db queue.DB, table string) int { return queuetest.Count(t, db, table) }

func expire(t *testing.T, db queue.DB) { queuetest.Expire(t, db) }

func claim(t *testing.T, db queue.Beginner, session int32, room int) []lease.Message {
	t.Helper()
	return claimFrom(t, lease.Open(db), session, room)
}

func claimFrom(t *testing.T, q *lease.Queue, session int32, room int) []lease.Message {
	t.Helper()
	list, err := q.Claim(t.Context(), session, []lease.Want{{Function: "f", Max: room}})
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

// finish ends leases; the group of a message is looked up.
func finish(t *testing.T, db queue.Beginner, o ...lease.Outcome) (refused []lease.Key) {
	t.Helper()
	for i := range o {
		if err := db.QueryRow(t.Context(), "select fn, coalesce(grp, '') from queue.message where id = $1", o[i].ID).Scan(&o[i].Function, &o[i].Group); err != nil {
			o[i].Function = "f" // it is gone
		}
	}
	refused, err := lease.Open(db).Finish(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return refused
}
