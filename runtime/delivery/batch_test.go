package delivery_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"fnstore/kit/queue"
	"fnstore/runtime/delivery"
)

// event is what a function reads of a batch.
type event struct {
	Records []struct {
		MessageID  string            `json:"messageId"`
		Body       string            `json:"body"`
		Attributes map[string]string `json:"attributes"`
	}
}

func (r *rig) batches(t *testing.T, size int, window time.Duration) {
	t.Helper()
	r.runWith(t, delivery.Function{
		Name: "f", Concurrency: 1, BatchSize: size, BatchWindow: window,
		Retry: delivery.Policy{Attempts: 3, MinWait: time.Millisecond, MaxWait: time.Millisecond},
	})
}

// A batch has at most its size, and of ten in which one cannot be read that one
// alone is a dead letter: the others are done once.
//
// Seed: R45, B13, B14, B15
func TestBatch_PartialFailure(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	sizes := []int{}
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		var e event
		if err := json.NewDecoder(req.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		type item struct {
			ID string `json:"itemIdentifier"`
		}
		failures := []item{}
		mu.Lock()
		defer mu.Unlock()
		sizes = append(sizes, len(e.Records))
		for _, m := range e.Records {
			seen[m.Body]++
			if m.Body == "poison" {
				failures = append(failures, item{m.MessageID})
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"batchItemFailures": failures})
	})
	var good []queue.Accepted
	for i := range 24 {
		good = append(good, r.enqueue(t, queue.New{Body: fmt.Append(nil, i)}))
	}
	poison := r.enqueue(t, queue.New{Body: []byte("poison")})
	r.batches(t, 10, 0)
	if p := r.await(t, poison.CallID, queue.Failed); p.Code != "batch_item_failed" || p.Attempts != 3 {
		t.Errorf("%+v", p)
	}
	for i, a := range good {
		r.await(t, a.CallID, queue.Succeeded)
		if seen[fmt.Sprint(i)] != 1 {
			t.Errorf("message %d was delivered %d times", i, seen[fmt.Sprint(i)])
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if slices.Max(sizes) != 10 || seen["poison"] != 3 {
		t.Errorf("batches of %v; poison %d times", sizes, seen["poison"])
	}
}

// A function may say of each message what it would have answered to it alone: one
// is dead at once, with its reason, and one asks for time.
// Seed: R36, R37
func TestBatch_ItemsWithAnAnswerOfTheirOwn(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		var e event
		_ = json.NewDecoder(req.Body).Decode(&e)
		failures := []map[string]any{}
		mu.Lock()
		defer mu.Unlock()
		for _, m := range e.Records {
			seen[m.Body]++
			switch {
			case m.Body == "poison":
				failures = append(failures, map[string]any{"itemIdentifier": m.MessageID, "status": 422, "code": "bad_header", "detail": "line 1 has no header"})
			case m.Body == "busy" && seen[m.Body] == 1:
				failures = append(failures, map[string]any{"itemIdentifier": m.MessageID, "status": 409, "code": "busy", "detail": "at work", "retryAfter": 1})
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"batchItemFailures": failures})
	})
	good, busy := r.enqueue(t, queue.New{Body: []byte("good")}), r.enqueue(t, queue.New{Body: []byte("busy")})
	poison := r.enqueue(t, queue.New{Body: []byte("poison")})
	r.batches(t, 10, 0)
	if p := r.await(t, poison.CallID, queue.Failed); p.Code != "bad_header" || p.Reason != "line 1 has no header" || p.Attempts != 1 {
		t.Errorf("%+v", p)
	}
	r.await(t, good.CallID, queue.Succeeded)
	if p := r.await(t, busy.CallID, queue.Succeeded); p.Attempts != 1 || seen["busy"] != 2 {
		t.Errorf("%+v after %d deliveries", p, seen["busy"])
	}
}

// A batch that fails as a whole is delivered again one by one, so the one at
// fault is found.
func TestBatch_WholeFailure(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		var e event
		_ = json.NewDecoder(req.Body).Decode(&e)
		for _, m := range e.Records {
			if m.Body == "poison" {
				http.Error(w, "bad row", http.StatusUnprocessableEntity)
			}
		}
	})
	good := []queue.Accepted{r.enqueue(t, queue.New{Body: []byte("1")}), r.enqueue(t, queue.New{Body: []byte("2")})}
	poison := r.enqueue(t, queue.New{Body: []byte("poison")})
	r.batches(t, 10, 0)
	if p := r.await(t, poison.CallID, queue.Failed); p.Code != "status_422" || p.Attempts != 2 {
		t.Errorf("%+v", p)
	}
	for _, a := range good {
		r.await(t, a.CallID, queue.Succeeded)
	}
}

// A batch waits for its window to be full, and no longer.
func TestBatch_Window(t *testing.T) {
	got := make(chan int, 10)
	r := open(t, func(_ http.ResponseWriter, req *http.Request) {
		var e event
		_ = json.NewDecoder(req.Body).Decode(&e)
		got <- len(e.Records)
	})
	r.batches(t, 3, time.Hour)
	r.enqueue(t, queue.New{})
	select {
	case <-got:
		t.Fatal("a batch of one went before its window was over")
	case <-time.After(200 * time.Millisecond): // a moment in which a hasty one would have gone
	}
	r.enqueue(t, queue.New{})
	r.enqueue(t, queue.New{})
	if n := <-got; n != 3 {
		t.Errorf("a batch of %d", n)
	}
}

func TestBatch_WindowEnds(t *testing.T) {
	got := make(chan int, 10)
	r := open(t, func(_ http.ResponseWriter, req *http.Request) {
		var e event
		_ = json.NewDecoder(req.Body).Decode(&e)
		got <- len(e.Records)
	})
	r.batches(t, 10, 50*time.Millisecond)
	last := r.enqueue(t, queue.New{})
	if n := <-got; n != 1 {
		t.Errorf("a batch of %d", n)
	}
	r.await(t, last.CallID, queue.Succeeded)
}

// Of a group one message is delivered at a time, and those behind one that fails
// wait for it; other groups go on.
//
// Seed: R41, B40
func TestBatch_GroupsStopAtAFailure(t *testing.T) {
	var mu sync.Mutex
	var order []string
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		var e event
		_ = json.NewDecoder(req.Body).Decode(&e)
		mu.Lock()
		defer mu.Unlock()
		for _, m := range e.Records {
			order = append(order, m.Body)
			if m.Body == "a1" && m.Attributes["ApproximateReceiveCount"] == "1" {
				fmt.Fprintf(w, `{"batchItemFailures":[{"itemIdentifier":%q}]}`, m.MessageID)
			}
		}
	})
	var all []queue.Accepted
	for _, body := range []string{"a1", "a2", "b1", "b2"} {
		all = append(all, r.enqueue(t, queue.New{Body: []byte(body), Group: body[:1]}))
	}
	r.batches(t, 10, 0)
	for _, a := range all {
		r.await(t, a.CallID, queue.Succeeded)
	}
	mu.Lock()
	defer mu.Unlock()
	at := func(s string) int { return slices.Index(order, s) }
	if last := len(order) - 1 - slices.Index(reversed(order), "a1"); at("a2") < last || at("b2") < at("b1") {
		t.Errorf("delivered as %v", order)
	}
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}
