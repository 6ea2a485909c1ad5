package lease_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
)

func TestGroup_OneByOneInOrder(t *testing.T) {
	db := open(t)
	var ids []int64
	for i := range 4 {
		ids = append(ids, enqueue(t, db, queue.New{Group: "g", Path: fmt.Sprint("/", i)}).ID)
	}
	other := enqueue(t, db, queue.New{Group: "h"})
	verdicts := []lease.Verdict{lease.Done, lease.Dead, lease.Done, lease.Done}
	for i, want := range ids {
		list := claim(t, db, 1, 10)
		if i == 0 {
			if len(list) != 2 || list[0].ID != want || list[1].ID != other.ID {
				t.Fatalf("first claim: %+v", list)
			}
			finish(t, db, lease.Outcome{Key: list[1].Key(), Verdict: lease.Done})
		} else if len(list) != 1 || list[0].ID != want {
			t.Fatalf("claim %d: %+v, want message %d alone", i, list, want)
		}
		// A retry keeps its place: nobody overtakes it.
		finish(t, db, lease.Outcome{Key: list[0].Key(), Verdict: lease.Retry, Delay: time.Hour})
		if got := claim(t, db, 1, 10); len(got) != 0 {
			t.Fatalf("overtaken by %+v", got)
		}
		expire(t, db)
		finish(t, db, lease.Outcome{Key: one(t, db, 1).Key(), Verdict: verdicts[i], Failure: lease.Failure{Code: "c", Reason: "r"}})
	}
	if n := count(t, db, "message"); n != 0 {
		t.Errorf("%d messages left", n)
	}
}

// Enqueue and Finish meet at every moment; a blocked message that nobody
// unblocks would wait for ever.
func TestGroup_NeverLeftBlocked(t *testing.T) {
	db := open(t)
	const writers, each = 4, 50
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				if _, err := queue.Enqueue(t.Context(), db, queue.New{Function: "f", Group: "g"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	enqueued := make(chan struct{})
	go func() { all.Wait(); close(enqueued) }()
	last := int64(0)
	for done := 0; done < writers*each; {
		list := claim(t, db, 1, 10)
		if len(list) > 1 {
			t.Fatalf("%d of one group at once", len(list))
		}
		if len(list) == 0 {
			select {
			case <-enqueued:
				if len(claim(t, db, 1, 1)) == 0 && count(t, db, "message") > 0 {
					t.Fatalf("%d messages are left and none can be claimed", count(t, db, "message"))
				}
				expire(t, db)
			default:
			}
			continue
		}
		if list[0].ID <= last {
			t.Fatalf("message %d after %d", list[0].ID, last)
		}
		last = list[0].ID
		finish(t, db, lease.Outcome{Key: list[0].Key(), Verdict: lease.Done})
		done++
	}
}
