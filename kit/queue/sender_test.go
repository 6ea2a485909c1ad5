package queue_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/delivery/queuetest"
)

// Every caller gets its own message's id, whoever was sent together with it.
func TestSender_ManyAtOnce(t *testing.T) {
	_, db := queuetest.Open(t)
	s := queue.NewSender(db, nil, queue.Limits{})
	var all sync.WaitGroup
	var mu sync.Mutex
	sent := map[int64]string{}
	for i := range 100 {
		all.Go(func() {
			a, err := s.Send(t.Context(), queue.New{Function: "f", Body: fmt.Append(nil, i), CallID: fmt.Sprint("call-", i)})
			if err != nil || a.CallID != fmt.Sprint("call-", i) {
				t.Errorf("%+v, %v", a, err)
			}
			mu.Lock()
			defer mu.Unlock()
			sent[a.ID] = fmt.Sprint(i)
		})
	}
	all.Wait()
	for _, m := range claim(t, db, 1, 200) {
		if sent[m.ID] != string(m.Body) {
			t.Errorf("message %d has the body %s, want %s", m.ID, m.Body, sent[m.ID])
		}
		delete(sent, m.ID)
	}
	if len(sent) != 0 {
		t.Errorf("%d are missing", len(sent))
	}
}

// One message that the server refuses fails alone.
func TestSender_OneRefused(t *testing.T) {
	_, db := queuetest.Open(t)
	s := queue.NewSender(db, nil, queue.Limits{})
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			n := queue.New{Function: "f"}
			if i%4 == 0 {
				n.Path = "/\x00"
			}
			if _, err := s.Send(t.Context(), n); (err != nil) != (i%4 == 0) {
				t.Errorf("message %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if n := queuetest.Count(t, db, "message"); n != 30 {
		t.Errorf("%d messages, want 30", n)
	}
}

// What is beyond the limit is refused before it is accepted, and taken again
// when messages are gone, whoever put them in.
func TestSender_QueueFull(t *testing.T) {
	_, db := queuetest.Open(t)
	queuetest.Enqueue(t, db, queue.New{Group: "g"})
	queuetest.Enqueue(t, db, queue.New{Group: "g"})
	s := queue.NewSender(db, nil, queue.Limits{Messages: 5, Bytes: 100})
	send := func(body string) error {
		_, err := s.Send(t.Context(), queue.New{Function: "f", Body: []byte(body)})
		return err
	}
	for range 3 {
		if err := send("x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := fault.Of(send("x")); err.Kind != fault.TooMany || err.Code != "queue_full" || err.Wait <= 0 {
		t.Errorf("the sixth: %+v", err)
	}
	if n := queuetest.Count(t, db, "message"); n != 5 {
		t.Errorf("%d messages", n)
	}
	if _, err := s.Send(t.Context(), queue.New{Function: "other"}); err != nil {
		t.Errorf("another function's: %v", err)
	}
	if _, err := db.Exec(t.Context(), "delete from queue.message where grp is null"); err != nil {
		t.Fatal(err)
	}
	for err := send("x"); err != nil; err = send("x") { // it counts again after a moment
		if fault.Of(err).Kind != fault.TooMany {
			t.Fatal(err)
		}
	}
	if err := send(strings.Repeat("x", 100)); fault.Of(err).Code != "queue_full" {
		t.Errorf("too many bytes: %v", err)
	}
}

// bodies keeps bodies in a table, so that they belong to transactions.
type bodies struct{ db queue.DB }

func (b bodies) Put(ctx context.Context, tx pgx.Tx, body []byte) (ref string, err error) {
	return ref, tx.QueryRow(ctx, "insert into kept (body) values ($1) returning ref::text", body).Scan(&ref)
}

func (b bodies) Get(ctx context.Context, ref string) (body []byte, err error) {
	return body, b.db.QueryRow(ctx, "select body from kept where ref::text = $1", ref).Scan(&body)
}

func (b bodies) Delete(ctx context.Context, ref string) error {
	_, err := b.db.Exec(ctx, "delete from kept where ref::text = $1", ref)
	return err
}

// A long body lies elsewhere for as long as its message needs it.
//
// Seed: R31
func TestSender_LongBody(t *testing.T) {
	_, db := queuetest.Open(t)
	if _, err := db.Exec(t.Context(), "create table kept (ref serial, body bytea)"); err != nil {
		t.Fatal(err)
	}
	kept := bodies{db}
	s, q := queue.NewSender(db, kept, queue.Limits{}), lease.Open(db)
	long := bytes.Repeat([]byte("x"), queue.MaxInline+1)
	n := queue.New{Function: "f", Body: long, DedupKey: "k"}
	first, err := s.Send(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Send(t.Context(), n); err != nil || !again.Duplicate || again.ID != first.ID {
		t.Errorf("a duplicate: %+v, %v", again, err)
	}
	n.Body = bytes.Repeat([]byte("y"), queue.MaxInline+1)
	if _, err := s.Send(t.Context(), n); fault.Of(err).Kind != fault.Unprocessable {
		t.Errorf("another long body with the same key: %v", err)
	}
	left := func(want int) {
		t.Helper()
		if _, err := q.DeleteBodies(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRow(t.Context(), "select count(*) from kept").Scan(&n); err != nil || n != want {
			t.Errorf("%d bodies are kept, %v; want %d", n, err, want)
		}
	}
	left(1)
	list := claim(t, db, 1, 5)
	if len(list) != 1 || list[0].BodyRef == "" || len(list[0].Body) != 0 {
		t.Fatalf("claimed %d, %+v", len(list), list)
	}
	if body, err := kept.Get(t.Context(), list[0].BodyRef); err != nil || !bytes.Equal(body, long) {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if _, err := q.Finish(t.Context(), []lease.Outcome{{Key: list[0].Key(), Function: "f", Verdict: lease.Done}}); err != nil {
		t.Fatal(err)
	}
	left(0)
}
