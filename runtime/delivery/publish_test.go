package delivery_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"fnstore/connectors/topic"
	"fnstore/kit/queue"
	"fnstore/runtime/delivery"
)

// publications are the bodies that wait for the topic.
func (r *rig) publications(t *testing.T, name string) (bodies []string) {
	t.Helper()
	rows, err := r.db.Query(t.Context(), `select convert_from(body, 'UTF8') from queue.message where fn = $1 order by id`, "topic:"+name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, s)
	}
	return bodies
}

func publisher() delivery.Function {
	return delivery.Describe("f", map[string]string{"fnstore.sends": "topic:orders", "com.openfaas.retry.minWait": "10ms"}, nil)
}

// An answer is published when, and only when, its message ends: not by an attempt
// that failed, and not by one whose lease was lost.
func TestPublish_OnceForEachMessage(t *testing.T) {
	var calls atomic.Int32
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set(topic.HeaderPublish, "orders")
		w.Header().Set(topic.HeaderAttributes, `{"n":1}`)
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		body, _ := io.ReadAll(req.Body)
		_, _ = io.WriteString(w, "done "+string(body))
	})
	listen, err := r.db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Release()
	first := r.enqueue(t, queue.New{Body: []byte("one")})
	if _, err := listen.Exec(t.Context(), "listen "+queue.Channel); err != nil {
		t.Fatal(err)
	}
	r.runWith(t, publisher())
	r.await(t, first.CallID, queue.Succeeded)
	if got := r.publications(t, "orders"); len(got) != 1 || got[0] != "done one" {
		t.Errorf("published %q", got)
	}
	if _, err := listen.Conn().WaitForNotification(t.Context()); err != nil { // the connector of topics listens
		t.Error(err)
	}
	second := r.enqueue(t, queue.New{Body: []byte("two"), Group: "g"})
	r.await(t, second.CallID, queue.Succeeded)
	if got := r.publications(t, "orders"); len(got) != 2 || got[1] != "done two" {
		t.Errorf("published %q", got)
	}
}

func TestPublish_LostLeasePublishesNothing(t *testing.T) {
	answered := make(chan struct{})
	var calls atomic.Int32
	var r *rig
	r = open(t, func(w http.ResponseWriter, req *http.Request) {
		if calls.Add(1) == 1 {
			// Another worker has the message since.
			if _, err := r.db.Exec(t.Context(), `update queue.message set fence = fence + 1, leased_by = null, visible_at = now()`); err != nil {
				t.Error(err)
			}
		}
		w.Header().Set(topic.HeaderPublish, "orders")
		_, _ = io.WriteString(w, "answer")
		if calls.Load() == 2 {
			close(answered)
		}
	})
	a := r.enqueue(t, queue.New{Body: []byte("x")})
	r.runWith(t, publisher())
	<-answered
	r.await(t, a.CallID, queue.Succeeded)
	if got := r.publications(t, "orders"); len(got) != 1 {
		t.Errorf("%d calls published %q", calls.Load(), got)
	}
}

func TestPublish_WhatIsRefusedIsADeadLetter(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set(topic.HeaderPublish, req.URL.Query().Get("to"))
		_, _ = w.Write(make([]byte, len(req.URL.Query().Get("long"))*(topic.MaxAnswer+1)))
	})
	r.runWith(t, publisher())
	hops := map[string][]string{"X-Fnstore-Hops": {"16"}}
	for code, n := range map[string]queue.New{
		"publish_not_allowed": {Path: "/?to=users"},
		"bad_publication":     {Path: "/?to="},
		"publish_too_large":   {Path: "/?to=orders&long=1"},
		"too_many_hops":       {Path: "/?to=orders", Headers: hops, Trusted: true},
	} {
		a := r.enqueue(t, n)
		if p := r.await(t, a.CallID, queue.Failed); p.Code != code || p.Attempts != 1 {
			t.Errorf("%s: %+v", code, p)
		}
	}
	stranger := r.enqueue(t, queue.New{Path: "/?to=orders", Headers: hops}) // who says what he likes
	r.await(t, stranger.CallID, queue.Succeeded)
	if got := r.publications(t, "orders"); len(got) != 1 {
		t.Errorf("published %q", got)
	}
}

func TestPublish_NotTheAnswerToABatch(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(topic.HeaderPublish, "orders") })
	f := publisher()
	f.BatchSize, f.BatchWindow = 2, time.Millisecond
	a := r.enqueue(t, queue.New{})
	r.runWith(t, f)
	if p := r.await(t, a.CallID, queue.Failed); p.Code != "bad_publication" {
		t.Errorf("%+v", p)
	}
}
