package queue_test

import (
	"testing"
	"time"

	"fnstore/kit/queue"
)

func foresee(t *testing.T, db queue.DB, session int32, functions ...string) queue.Outlook {
	t.Helper()
	o, err := queue.Foresee(t.Context(), db, session, functions)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// soon tells whether a time lies within the hour that the tests here speak of.
func soon(d time.Duration) bool { return d > 0 && d <= time.Hour }

func TestAWorkerKnowsWhenToLookAgain(t *testing.T) {
	db := open(t)
	if o := foresee(t, db, 1, "f"); o != (queue.Outlook{In: queue.Never}) {
		t.Errorf("of an empty queue: %+v", o)
	}
	enqueue(t, db, queue.New{Delay: time.Hour})
	if o := foresee(t, db, 1, "f"); o.Claim || !soon(o.In) || o.In < time.Minute {
		t.Errorf("of a message that is due in an hour: %+v", o)
	}
	if o := foresee(t, db, 1, "g"); o != (queue.Outlook{In: queue.Never}) {
		t.Errorf("of a message for another function: %+v", o)
	}
	enqueue(t, db, queue.New{})
	if o := foresee(t, db, 1, "g", "f"); !o.Claim || !soon(o.In) && o.In != queue.Never {
		t.Errorf("of a message that is due: %+v", o)
	}
	one(t, db, 1)
	if o := foresee(t, db, 1, "f"); o.Claim || o.Foreign || !soon(o.In) || o.In > queue.Lease {
		t.Errorf("of a lease of our own: %+v", o)
	}
	for _, other := range []int32{0, 2} {
		if o := foresee(t, db, other, "f"); !o.Foreign || o.Claim || o.In > queue.Lease {
			t.Errorf("of another's lease: %+v", o)
		}
	}
	expire(t, db) // leases that ended are messages again
	if o := foresee(t, db, 2, "f"); !o.Claim {
		t.Errorf("of a lease that ended: %+v", o)
	}
}

// What nobody may claim must be foreseen as well, and must not keep a worker
// claiming in vain.
func TestTheUnclaimableIsForeseen(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{Deadline: time.Now().Add(time.Hour), Delay: 48 * time.Hour})
	if o := foresee(t, db, 1); o.Claim || o.Bury || !soon(o.In) {
		t.Errorf("of a deadline to come: %+v", o)
	}
	if _, err := db.Exec(t.Context(), "update queue.message set deadline = now() - interval '1 hour', visible_at = now() + interval '30 minutes'"); err != nil {
		t.Fatal(err)
	}
	if o := foresee(t, db, 1, "f"); o.Claim || o.Bury || !soon(o.In) {
		t.Errorf("of a retry that comes after the deadline: %+v", o)
	}
	expire(t, db)
	if o := foresee(t, db, 1, "f"); o.Claim || !o.Bury {
		t.Errorf("past its deadline: %+v", o)
	}
	if n, err := queue.Bury(t.Context(), db); err != nil || n != 1 {
		t.Fatalf("buried %d, %v", n, err)
	}
	enqueue(t, db, queue.New{MaxAttempts: 1})
	one(t, db, 1)
	if o := foresee(t, db, 1, "f"); o.Claim || o.Bury || o.In > queue.Lease {
		t.Errorf("of a last delivery under way: %+v", o)
	}
	expire(t, db)
	if o := foresee(t, db, 1, "f"); o.Claim || !o.Bury {
		t.Errorf("of one whose deliveries are spent: %+v", o)
	}
}
