package circuit_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/kit/queue/circuit"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/delivery/queuetest"
)

func claim(t *testing.T, db *pgxpool.Pool) []lease.Message {
	t.Helper()
	list, err := lease.Open(db).Claim(t.Context(), 1, []lease.Want{{Function: "f", Max: 5}})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func exec(t *testing.T, db *pgxpool.Pool, sql string) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, db *pgxpool.Pool) []circuit.Circuit {
	t.Helper()
	l, err := circuit.List(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// While a circuit is open nothing is claimed but one message at a time, after
// pauses that grow.
func TestCircuit_OneProbeAtATime(t *testing.T) {
	_, db := queuetest.Open(t)
	for range 20 {
		queuetest.Enqueue(t, db, queue.New{})
	}
	if err := circuit.Trip(t.Context(), db, "f", "status_500", "broken"); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, db); len(got) != 0 {
		t.Fatalf("claimed %d before the first probe is due", len(got))
	}
	o, err := lease.Open(db).Foresee(t.Context(), 1, []string{"f"})
	if err != nil || o.Claim || o.In > circuit.FirstPause {
		t.Errorf("the outlook is %+v, %v", o, err)
	}
	var before time.Duration
	for i := range 12 {
		exec(t, db, "update queue.circuit set probe_at = now()")
		got := claim(t, db)
		if len(got) != 1 || !got[0].Probe {
			t.Fatalf("probe %d: claimed %+v", i, got)
		}
		if again := claim(t, db); len(again) != 0 {
			t.Fatalf("probe %d: a second one at once", i)
		}
		pause := time.Until(list(t, db)[0].ProbeAt)
		if pause > circuit.LastPause || pause < before/4 {
			t.Errorf("probe %d: the next one in %s, after %s", i, pause, before)
		}
		before = pause
	}
	if before < circuit.LastPause/3 {
		t.Errorf("after many probes the next one comes in %s", before)
	}
	if err := circuit.Close(t.Context(), db, "f"); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, db); len(got) != 5 || got[0].Probe {
		t.Errorf("mended: claimed %+v", got)
	}
}

func TestCircuit_PausedAndResumed(t *testing.T) {
	_, db := queuetest.Open(t)
	queuetest.Enqueue(t, db, queue.New{})
	if err := circuit.Trip(t.Context(), db, "f", "status_500", "broken"); err != nil {
		t.Fatal(err)
	}
	if l := list(t, db); len(l) != 1 || l[0].State != circuit.Open || l[0].Code != "status_500" {
		t.Errorf("%+v", l)
	}
	exec(t, db, "update queue.circuit set opened_at = now() - interval '16 minutes'")
	if l := list(t, db); l[0].State != circuit.Paused || l[0].Operator {
		t.Errorf("%+v", l)
	}
	resume := func(want bool) {
		t.Helper()
		if was, err := circuit.Resume(t.Context(), db, "f"); err != nil || was != want {
			t.Errorf("resumed %t, %v", was, err)
		}
	}
	resume(true)
	resume(false)
	// An operator's pause is for an operator to end.
	if err := circuit.Pause(t.Context(), db, "f", "maintenance"); err != nil {
		t.Fatal(err)
	}
	if err := circuit.Close(t.Context(), db, "f"); err != nil {
		t.Fatal(err)
	}
	if l := list(t, db); len(l) != 1 || l[0].State != circuit.Paused || !l[0].Operator || l[0].Reason != "maintenance" {
		t.Errorf("%+v", l)
	}
	if got := claim(t, db); len(got) != 0 {
		t.Errorf("claimed %+v", got)
	}
	if o, err := lease.Open(db).Foresee(t.Context(), 1, []string{"f"}); err != nil || o.In != lease.Never {
		t.Errorf("the outlook is %+v, %v: nobody need look", o, err)
	}
	resume(true)
	if got := claim(t, db); len(got) != 1 {
		t.Errorf("claimed %+v", got)
	}
}
