package delivery_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/delivery"
)

// never is longer than any test lasts: with it nothing is found by looking anyway.
var never = delivery.Looking(time.Hour)

// An idle worker asks one question per look, which changes nothing: no
// transaction, no lease, no sweep.
func TestWake_IdleOnlyLooksAhead(t *testing.T) {
	r := open(t, func(http.ResponseWriter, *http.Request) {})
	said := make(chan string, 1000)
	r.run(t, 1, delivery.Looking(10*time.Millisecond), delivery.Overhear(func(sql string) {
		select {
		case said <- sql:
		default: // the test is over
		}
	}))
	r.await(t, r.enqueue(t, queue.New{}).CallID, queue.Succeeded)
	last := ""
	for looks, others := 0, 0; looks < 150; looks++ {
		if last = <-said; strings.Contains(last, "extract(epoch") {
			continue
		}
		looks = 0
		if others++; others > 50 { // a message takes less than twenty
			t.Fatalf("an idle worker says %s", last)
		}
	}
}

// What waits for a time is delivered when that has come, by itself: a delay, a
// retry, and a deadline, after which a message is buried.
func TestWake_InTime(t *testing.T) {
	var tries atomic.Int32
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/busy" && tries.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	r.run(t, 4, never)
	r.await(t, r.enqueue(t, queue.New{}).CallID, queue.Succeeded)
	// Nobody has room for it, so nobody claims it.
	late, err := queue.Enqueue(t.Context(), r.db, queue.New{Function: "g", Deadline: time.Now().Add(300 * time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	if err := queue.Notify(t.Context(), r.db); err != nil {
		t.Fatal(err)
	}
	if p := r.await(t, late.CallID, queue.Failed); p.Code != "deadline_passed" {
		t.Errorf("past its deadline: %+v", p)
	}
	delayed, busy := r.enqueue(t, queue.New{Delay: 300 * time.Millisecond}), r.enqueue(t, queue.New{Path: "/busy"})
	r.await(t, delayed.CallID, queue.Succeeded)
	r.await(t, busy.CallID, queue.Succeeded)
}

// A message that nobody speaks of is found at the next look.
func TestWake_LostNotify(t *testing.T) {
	if delivery.LookAnyway >= lease.Duration {
		t.Errorf("a lease of %s could begin and end unseen between looks %s apart", lease.Duration, delivery.LookAnyway)
	}
	r := open(t, func(http.ResponseWriter, *http.Request) {})
	r.run(t, 1, delivery.Looking(20*time.Millisecond))
	for range 3 {
		a, err := queue.Enqueue(t.Context(), r.db, queue.New{Function: "f"})
		if err != nil {
			t.Fatal(err)
		}
		r.await(t, a.CallID, queue.Succeeded)
	}
}

// A worker that was idle when another one was killed takes over what that one
// held. Nobody tells it that the other is gone.
func TestWake_PeerTakesOver(t *testing.T) {
	held := make(chan struct{}, 10)
	var dead atomic.Bool
	r := open(t, func(_ http.ResponseWriter, req *http.Request) {
		if !dead.Load() {
			held <- struct{}{}
			<-req.Context().Done()
		}
	})
	doomed := r.spawn(t)
	var accepted []queue.Accepted
	for range 3 {
		accepted = append(accepted, r.enqueue(t, queue.New{}))
	}
	for range accepted {
		<-held
	}
	r.run(t, 1, never) // it finds nothing to claim, and three leases of another's
	if err := doomed.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = doomed.Wait()
	dead.Store(true)
	for _, a := range accepted {
		if p := r.await(t, a.CallID, queue.Succeeded); p.Attempts != 2 {
			t.Errorf("%+v, want the second attempt", p)
		}
	}
}
