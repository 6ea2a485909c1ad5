package delivery_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"fnstore/kit/queue"
	"fnstore/kit/queue/circuit"
	"fnstore/runtime/delivery"
)

// await waits until the condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// A function that fails is called no more than its messages arrive; mended, it
// gets all that waited, and no message lost an attempt to the open circuit.
func TestCircuit_FailsAndIsMended(t *testing.T) {
	var broken atomic.Bool
	var calls, other atomic.Int64
	broken.Store(true)
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		calls.Add(1)
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	mux := http.NewServeMux()
	mux.Handle("/function/f/", r.gateway.Config.Handler)
	mux.HandleFunc("/function/other/", func(http.ResponseWriter, *http.Request) { other.Add(1) })
	r.gateway.Config.Handler = mux
	r.runWith(t, delivery.Function{Name: "f", Concurrency: 10}, delivery.Function{Name: "other", Concurrency: 10})
	const n = 200
	var all []queue.Accepted
	for range n {
		all = append(all, r.enqueue(t, queue.New{}))
	}
	isOpen := func() bool {
		list, err := circuit.List(t.Context(), r.db)
		return err == nil && len(list) == 1 && list[0].Function == "f" && list[0].Code == "status_500"
	}
	await(t, "an open circuit", isOpen)
	one, err := queue.Enqueue(t.Context(), r.db, queue.New{Function: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if err := queue.Notify(t.Context(), r.db); err != nil {
		t.Fatal(err)
	}
	r.await(t, one.CallID, queue.Succeeded)
	// Probes go on, and spend nothing.
	for range 3 {
		before := calls.Load()
		if _, err := r.db.Exec(t.Context(), "update queue.circuit set probe_at = now()"); err != nil {
			t.Fatal(err)
		}
		if err := queue.Notify(t.Context(), r.db); err != nil {
			t.Fatal(err)
		}
		await(t, "a probe", func() bool { return calls.Load() > before })
	}
	if c := calls.Load(); c > n/2 {
		t.Errorf("%d calls to a function that fails, of %d messages", c, n)
	}
	var most int
	await(t, "attempts to be given back", func() bool {
		err := r.db.QueryRow(t.Context(), "select max(attempt) from queue.message where leased_by is null").Scan(&most)
		return err == nil && most <= 2
	})
	broken.Store(false)
	if was, err := circuit.Resume(t.Context(), r.db, "f"); err != nil || !was {
		t.Fatalf("resumed %t, %v", was, err)
	}
	for _, a := range all {
		r.await(t, a.CallID, queue.Succeeded)
	}
}

// A probe that succeeds closes the circuit: nobody need resume it.
func TestCircuit_ClosesByItself(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	r.runWith(t, delivery.Function{Name: "f", Concurrency: 10})
	var all []queue.Accepted
	for range 30 {
		all = append(all, r.enqueue(t, queue.New{}))
	}
	open := func() int {
		list, err := circuit.List(t.Context(), r.db)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	await(t, "an open circuit", func() bool { return open() == 1 })
	broken.Store(false)
	await(t, "a closed circuit", func() bool { return open() == 0 })
	for _, a := range all {
		r.await(t, a.CallID, queue.Succeeded)
	}
}

// An operator's pause stops a function's messages and no other's.
func TestCircuit_PausedByAnOperator(t *testing.T) {
	var calls atomic.Int64
	r := open(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	if err := circuit.Pause(t.Context(), r.db, "f", "maintenance"); err != nil {
		t.Fatal(err)
	}
	r.runWith(t, delivery.Function{Name: "f", Concurrency: 10}, delivery.Function{Name: "g", Concurrency: 1})
	a := r.enqueue(t, queue.New{})
	g, err := queue.Enqueue(t.Context(), r.db, queue.New{Function: "g"})
	if err != nil {
		t.Fatal(err)
	}
	if err := queue.Notify(t.Context(), r.db); err != nil {
		t.Fatal(err)
	}
	r.await(t, g.CallID, queue.Failed) // there is no g behind this gateway: it answers 404
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls of a paused function", n)
	}
	if _, err := circuit.Resume(t.Context(), r.db, "f"); err != nil {
		t.Fatal(err)
	}
	r.await(t, a.CallID, queue.Succeeded)
}

// Where all that wait were in the hands of workers that died, again and again, one
// of them is the probe all the same: none would come for five minutes otherwise.
func TestCircuit_ALostMessageIsAProbe(t *testing.T) {
	r := open(t, func(http.ResponseWriter, *http.Request) {})
	for range 20 {
		r.enqueue(t, queue.New{})
	}
	if err := circuit.Trip(t.Context(), r.db, "f", "status_503", "not now"); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"update queue.message set leased_by = 0, attempt = 3, deliveries = 3, first_at = now()",
		"update queue.circuit set probe_at = now(), pause = interval '5 minutes'",
	} {
		if _, err := r.db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	r.runWith(t, delivery.Function{Name: "f", Concurrency: 10})
	await(t, "a closed circuit", func() bool {
		list, err := circuit.List(t.Context(), r.db)
		return err == nil && len(list) == 0
	})
}
