package lease_test

import (
	"testing"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
)

func cancel(t *testing.T, db queue.Beginner, callID string) bool {
	t.Helper()
	found, err := lease.Open(db).Cancel(t.Context(), callID)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCancel_WaitingMessage(t *testing.T) {
	db := open(t)
	enqueue(t, db, queue.New{CallID: "first", Group: "g"})
	enqueue(t, db, queue.New{CallID: "second", Group: "g"})
	if !cancel(t, db, "first") || cancel(t, db, "first") || cancel(t, db, "nobody's") {
		t.Error("a waiting message is cancelled once, and what is not there never")
	}
	p, err := queue.Find(t.Context(), db, "first")
	if err != nil || p.State != queue.Failed || p.Code != "cancelled" {
		t.Errorf("%+v, %v", p, err)
	}
	// The group goes on with the next, which is then too late to cancel.
	if m := one(t, db, 1); m.CallID != "second" {
		t.Errorf("claimed %s", m.CallID)
	}
	if cancel(t, db, "second") {
		t.Error("a message under way was cancelled")
	}
}
