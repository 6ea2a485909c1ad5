package queue_test

import (
	"testing"
	"time"

	"fnstore/kit/queue"
	"fnstore/kit/queue/circuit"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/delivery/queuetest"
)

func TestReadStats_Numbers(t *testing.T) {
	_, db := queuetest.Open(t)
	q := lease.Open(db)
	for range 4 {
		queuetest.Enqueue(t, db, queue.New{})
	}
	queuetest.Enqueue(t, db, queue.New{Function: "slow"})
	if _, err := db.Exec(t.Context(), "update queue.message set created_at = created_at - interval '1 hour' where fn = 'slow'"); err != nil {
		t.Fatal(err)
	}
	list := claim(t, db, 1, 2)
	dead := lease.Outcome{Key: list[0].Key(), Function: "f", Verdict: lease.Dead, Failure: lease.Failure{Code: "c", Reason: "r"}}
	if _, err := q.Finish(t.Context(), []lease.Outcome{dead}); err != nil {
		t.Fatal(err)
	}
	if err := circuit.Pause(t.Context(), db, "idle", "for a test"); err != nil {
		t.Fatal(err)
	}
	got, err := queue.ReadStats(t.Context(), db)
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	f, idle, slow := got[0], got[1], got[2]
	if f.Function != "f" || f.Waiting != 2 || f.InFlight != 1 || f.Attempts != 1 || f.Dead != 1 || f.State != "" {
		t.Errorf("%+v", f)
	}
	if idle.Function != "idle" || idle.Waiting != 0 || idle.State != "paused" {
		t.Errorf("%+v", idle)
	}
	if slow.Waiting != 1 || slow.Age < time.Hour || slow.Dead != 0 {
		t.Errorf("%+v", slow)
	}
}
