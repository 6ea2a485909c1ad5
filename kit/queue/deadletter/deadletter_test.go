package deadletter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/queue/deadletter"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/delivery/queuetest"
)

// kill puts a message in and has it die with the code.
func kill(t *testing.T, db *pgxpool.Pool, code string, n queue.New) int64 {
	t.Helper()
	a := queuetest.Enqueue(t, db, n)
	q := lease.Open(db)
	if n.Function == "" {
		n.Function = "f"
	}
	list, err := q.Claim(t.Context(), 1, []lease.Want{{Function: n.Function, Max: 1}})
	if err != nil || len(list) != 1 {
		t.Fatalf("claimed %+v, %v", list, err)
	}
	o := lease.Outcome{Key: list[0].Key(), Function: n.Function, Group: n.Group, Verdict: lease.Dead, Failure: lease.Failure{
		Status: 422, Code: code, Reason: "no", Cause: "signal: killed", Version: "f:1", Digest: "sha256:a"}}
	if refused, err := q.Finish(t.Context(), []lease.Outcome{o}); err != nil || len(refused) != 0 {
		t.Fatalf("refused %v, %v", refused, err)
	}
	return a.ID
}

// The seed's queue had a redrive policy and nothing to look at.
//
// Seed: R42, B16
func TestGet_WhatAPersonNeeds(t *testing.T) {
	_, db := queuetest.Open(t)
	id := kill(t, db, "unknown_type", queue.New{
		Body: []byte("body"), Path: "/a?x=1&api_key=s3cret&Token=t", CallID: "c",
		Headers: map[string][]string{"Authorization": {"Bearer s3cret"}, "X-A": {"b"}, "X-Api-Key": {"s3cret"}},
	})
	l, err := deadletter.Get(t.Context(), db, nil, id)
	if err != nil {
		t.Fatal(err)
	}
	if string(l.Body) != "body" || l.BodySize != 4 || l.CallID != "c" || l.Code != "unknown_type" || l.Attempts != 1 {
		t.Errorf("%+v", l)
	}
	if l.Path != "/a?x=1&api_key=[redacted]&Token=[redacted]" || fmt.Sprint(l.Headers) != "map[Authorization:[[redacted]] X-A:[b] X-Api-Key:[[redacted]]]" {
		t.Errorf("not redacted: %s %v", l.Path, l.Headers)
	}
	if len(l.History) != 1 {
		t.Fatalf("history %+v", l.History)
	}
	a := l.History[0]
	if a.At.IsZero() || a.Attempt != 1 || a.Status != 422 || a.Cause != "signal: killed" || a.Version != "f:1" || a.Digest != "sha256:a" {
		t.Errorf("%+v", a)
	}
	if _, err := deadletter.Get(t.Context(), db, nil, id+1); fault.Of(err).Kind != fault.NotFound {
		t.Errorf("a letter that is not there: %v", err)
	}
}

func TestList_FiltersAndPages(t *testing.T) {
	_, db := queuetest.Open(t)
	ids := []int64{
		kill(t, db, "a", queue.New{}), kill(t, db, "b", queue.New{}),
		kill(t, db, "a", queue.New{Function: "g"}), kill(t, db, "a", queue.New{}),
	}
	if _, err := db.Exec(t.Context(), "update queue.dead set died_at = died_at - interval '2 hours' where id = $1", ids[0]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		filter deadletter.Filter
		want   []int64
	}{
		{deadletter.Filter{}, []int64{ids[3], ids[2], ids[1], ids[0]}},
		{deadletter.Filter{Function: "f"}, []int64{ids[3], ids[1], ids[0]}},
		{deadletter.Filter{Function: "f", Code: "a"}, []int64{ids[3], ids[0]}},
		{deadletter.Filter{IDs: ids[1:3]}, []int64{ids[2], ids[1]}},
		{deadletter.Filter{OlderThan: time.Hour}, []int64{ids[0]}},
		{deadletter.Filter{YoungerThan: time.Hour, Code: "a"}, []int64{ids[3], ids[2]}},
	} {
		var got []int64
		for after := int64(0); ; { // pages of two
			page, err := deadletter.List(t.Context(), db, c.filter, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range page {
				got, after = append(got, l.ID), l.ID
			}
			if len(page) < 2 {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%+v: %v, want %v", c.filter, got, c.want)
		}
		if n, err := deadletter.Count(t.Context(), db, c.filter); err != nil || n != int64(len(c.want)) {
			t.Errorf("%+v: counted %d, %v", c.filter, n, err)
		}
	}
}
