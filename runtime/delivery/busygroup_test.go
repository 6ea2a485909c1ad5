package delivery_test

import (
	"net/http"
	"testing"

	"fnstore/kit/queue"
)

// A transaction that has put a message into a group and stays open, as a long one
// that changes a watched row does, keeps only that group's messages from ending.
func TestFinish_BusyGroupDelaysNoOther(t *testing.T) {
	called, added := make(chan struct{}), make(chan struct{})
	r := open(t, func(_ http.ResponseWriter, req *http.Request) {
		if req.Header.Get("X-Hold") != "" {
			close(called)
			<-added
		}
	})
	r.run(t, 20)
	head := r.enqueue(t, queue.New{Group: "g", Headers: map[string][]string{"X-Hold": {"1"}}})
	<-called
	tx, err := r.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := queue.Enqueue(t.Context(), tx, queue.New{Function: "f", Group: "g"}); err != nil {
		t.Fatal(err)
	}
	close(added)
	var others []queue.Accepted
	for range 5 {
		others = append(others, r.enqueue(t, queue.New{}), r.enqueue(t, queue.New{Group: "h"}))
	}
	for _, a := range others {
		r.await(t, a.CallID, queue.Succeeded)
	}
	if p, err := queue.Find(t.Context(), r.db, head.CallID); err != nil || p.State != queue.Running {
		t.Errorf("the message of the busy group is %s, %v", p.State, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.await(t, head.CallID, queue.Succeeded)
}
