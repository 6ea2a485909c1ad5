package lease_test

import (
	"testing"
	"time"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
)

func foresee(t *testing.T, db queue.Beginner, session int32, functions ...string) lease.Outlook {
	t.Helper()
	o, err := lease.Open(db).Foresee(t.Context(), session, functions)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// soon tells whether a time lies within the hour that the tests here speak of.
func soon(d time.Duration) bool { return d > 0 && d <= time.Hour }

func TestForesee_WhenToLookAgain(t *testing.T) {
	db := open(t)
	if o := foresee(t, db, 1, "f"); o != (lease.Outlook{In: lease.Never}) {
		t.Errorf("of an empty queue: %+v", o)
	}
	enqueue(t, db, queue.New{Delay: time.Hour})
	if o := foresee(t, db, 1, "f"); o.Claim || !soon(o.In) || o.In < time.Minute {
		t.Errorf("of a message that is due in an hour: %+v", o)
	}
	if o := foresee(t, db, 1, "g"); o != (lease.Outlook{In: lease.Never}) {
		t.Errorf("of a message for another function: %+v", o)
	}
	enqueue(t, db, queue.New{})
	if o := foresee(t, db, 1, "g", "f"); !o.Claim || !soon(o.In) && o.In != lease.Never {
		t.Errorf("of a message that is due: %+v", o)
	}
	one(t, db, 1)
	if o := foresee(t, db, 1, "f"); o.Claim || o.Foreign || !soon(o.In) || o.In > lease.Duration {
		t.Errorf("of a lease of our own: %+v", o)
	}
	if o := foresee(t, db, 2, "f"); o.Foreign || o.Claim || o.In > lease.Duration {
		t.Errorf("of a lease of somebody who never joined: %+v", o)
	}
	if _, err := db.Exec(t.Context(), "insert into queue.worker (id) values (1), (2)"); err != nil {
		t.Fatal(err)
	}
	for _, other := range []int32{0, 2} {
		if o := foresee(t, db, other, "f"); !o.Foreign || o.Claim || o.In > lease.Duration {
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
func TestForesee_Deadlines(t *testing.T) {
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
	if n, err := lease.Open(db).Bury(t.Context()); err != nil || n != 1 {
		t.Fatalf("buried %d, %v", n, err)
	}
}
