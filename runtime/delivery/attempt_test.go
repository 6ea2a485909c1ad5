package delivery_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
	"fnstore/kit/queue/deadletter"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/delivery"
)

// A call that takes longer than a lease keeps it: it is made once.
//
// Seed: B50
func TestDelivery_LongCall(t *testing.T) {
	var calls atomic.Int32
	r := open(t, func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		time.Sleep(lease.Duration + 2*time.Second)
	})
	r.run(t, 5)
	a := r.enqueue(t, queue.New{})
	if p := r.await(t, a.CallID, queue.Succeeded); p.Attempts != 1 || calls.Load() != 1 {
		t.Errorf("%+v, %d calls", p, calls.Load())
	}
}

// Visibility bounds one attempt: a function that never answers is asked again.
//
// Seed: R41
func TestDelivery_Visibility(t *testing.T) {
	var calls atomic.Int32
	r := open(t, func(_ http.ResponseWriter, req *http.Request) {
		if calls.Add(1) == 1 {
			<-req.Context().Done()
		}
	})
	f := delivery.Describe("f", map[string]string{"fnstore.visibility": "200ms", "com.openfaas.retry.min_wait": "1ms"}, nil)
	r.runWith(t, f)
	a := r.enqueue(t, queue.New{})
	if p := r.await(t, a.CallID, queue.Succeeded); p.Attempts != 2 || !strings.Contains(string(p.History), "timeout") {
		t.Errorf("%+v %s", p, p.History)
	}
}

func TestDescribe_Settings(t *testing.T) {
	f := delivery.Describe("f", nil, nil)
	if f.Concurrency != delivery.DefaultConcurrency || f.Visibility != 900*time.Second || f.BatchSize != 0 {
		t.Errorf("defaults %+v", f)
	}
	f = delivery.Describe("f", map[string]string{"fnstore.batch.size": "99", "fnstore.batch.window": "5s"}, map[string]string{"max_inflight": "4"})
	if f.Concurrency != 4 || f.BatchSize != delivery.MaxBatch || f.BatchWindow != 5*time.Second {
		t.Errorf("%+v", f)
	}
	f = delivery.Describe("f", map[string]string{"fnstore.concurrency": "7", "fnstore.batch.size": "-1", "fnstore.visibility": "x"}, map[string]string{"max_inflight": "4"})
	if f.Concurrency != 7 || f.BatchSize != 0 || f.Visibility != 900*time.Second {
		t.Errorf("%+v", f)
	}
}

// A policy that changes counts for messages that wait already.
func TestDelivery_PolicyIsReadAtDelivery(t *testing.T) {
	var calls atomic.Int32
	r := open(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	})
	var attempts atomic.Int32
	attempts.Store(1000)
	cfg := config(r.url, r.gateway.URL, 1)
	cfg.Functions = func(context.Context) ([]delivery.Function, error) {
		return []delivery.Function{{Name: "f", Concurrency: 1, Retry: delivery.Policy{
			Attempts: int(attempts.Load()), MinWait: 10 * time.Millisecond, MaxWait: 10 * time.Millisecond}}}, nil
	}
	cfg.Deployed = func(string) (string, string) { return "f:2", "sha256:b" }
	cfg.LastExit = func(fn string, _ time.Time) string { return "signal: killed" }
	r.start(t, cfg)
	a := r.enqueue(t, queue.New{})
	await(t, "some attempts", func() bool { return calls.Load() >= 3 })
	attempts.Store(2)
	r.await(t, a.CallID, queue.Failed)
	l, err := deadletter.Get(t.Context(), r.db, nil, a.ID)
	if err != nil || len(l.History) < 3 {
		t.Fatalf("%+v, %v", l, err)
	}
	for _, h := range l.History {
		if h.Status != 502 || h.Version != "f:2" || h.Digest != "sha256:b" || h.Cause != "signal: killed" || h.At.IsZero() {
			t.Errorf("%+v", h)
		}
	}
}

// A message whose worker dies each time is a dead letter in the end, and is not
// delivered once more for it.
func TestDelivery_WorkerDiesEachTime(t *testing.T) {
	var calls atomic.Int32
	r := open(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	a := r.enqueue(t, queue.New{})
	q := lease.Open(r.db)
	for range 5 {
		if list, err := q.Claim(t.Context(), 1<<30, []lease.Want{{Function: "f", Max: 1}}); err != nil || len(list) != 1 {
			t.Fatalf("claimed %+v, %v", list, err)
		}
		if _, err := r.db.Exec(t.Context(), "update queue.message set visible_at = now(), first_at = first_at - interval '4 minutes'"); err != nil {
			t.Fatal(err)
		}
	}
	r.runWith(t, delivery.Function{Name: "f", Concurrency: 1})
	if p := r.await(t, a.CallID, queue.Failed); p.Code != "attempts_spent" || calls.Load() != 0 {
		t.Errorf("%+v, %d calls", p, calls.Load())
	}
}

// kept keeps long bodies in a table.
type kept struct{ db queue.DB }

func (k kept) Put(ctx context.Context, tx pgx.Tx, body []byte) (ref string, err error) {
	return ref, tx.QueryRow(ctx, "insert into kept (body) values ($1) returning ref::text", body).Scan(&ref)
}

func (k kept) Get(ctx context.Context, ref string) (body []byte, err error) {
	return body, k.db.QueryRow(ctx, "select body from kept where ref::text = $1", ref).Scan(&body)
}

func (k kept) Delete(ctx context.Context, ref string) error {
	_, err := k.db.Exec(ctx, "delete from kept where ref::text = $1", ref)
	return err
}

// A body of megabytes arrives whole, and is deleted when its message is done.
//
// Seed: R31
func TestDelivery_LongBody(t *testing.T) {
	got := make(chan string, 2)
	r := open(t, func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		got <- string(body)
	})
	if _, err := r.db.Exec(t.Context(), "create table kept (ref serial, body bytea)"); err != nil {
		t.Fatal(err)
	}
	cfg := config(r.url, r.gateway.URL, 1)
	cfg.Bodies = kept{r.db}
	r.start(t, cfg)
	long := strings.Repeat("0123456789", 300_000)
	if _, err := queue.NewSender(r.db, cfg.Bodies, queue.Limits{}).Send(t.Context(), queue.New{Function: "f", Body: []byte(long)}); err != nil {
		t.Fatal(err)
	}
	if err := queue.Notify(t.Context(), r.db); err != nil {
		t.Fatal(err)
	}
	if body := <-got; body != long {
		t.Errorf("%d bytes arrived", len(body))
	}
	await(t, "the body to be deleted", func() bool {
		var n int
		err := r.db.QueryRow(t.Context(), "select count(*) from kept").Scan(&n)
		return err == nil && n == 0
	})
}

// A worker that stops gives back what it had leased ahead, unspent.
func TestDelivery_StopGivesBackWhatIsReady(t *testing.T) {
	block := make(chan struct{})
	var calls atomic.Int32
	r := open(t, func(http.ResponseWriter, *http.Request) {
		if calls.Add(1) > 20 {
			<-block
		}
	})
	for range 100 {
		r.enqueue(t, queue.New{})
	}
	stop := r.run(t, 1)
	await(t, "messages leased ahead", func() bool {
		var n int
		err := r.db.QueryRow(t.Context(), "select count(leased_by) from queue.message").Scan(&n)
		return err == nil && n > 1 && calls.Load() > 20
	})
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	await(t, "all but one to be given back", func() bool {
		var leased, spent int
		err := r.db.QueryRow(t.Context(), "select count(leased_by), coalesce(sum(attempt), 0) from queue.message").Scan(&leased, &spent)
		return err == nil && leased == 1 && spent == 1
	})
	close(block)
	<-stopped
}
