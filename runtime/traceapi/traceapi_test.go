package traceapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/trace"
	"fnstore/kit/wire"
	"fnstore/runtime/delivery"
	"fnstore/runtime/delivery/queuetest"
	"fnstore/runtime/logs"
	"fnstore/runtime/spans"
	"fnstore/runtime/traceapi"
)

type rig struct {
	traceapi.API
	db      *pgxpool.Pool
	written *logs.Store
	seen    chan http.Header // what the function got
}

// open makes a queue, and a worker whose one function, f, fails as often as the
// body says.
func open(t *testing.T) *rig {
	t.Helper()
	url, db := queuetest.Open(t)
	written, err := logs.Open(filepath.Join(t.TempDir(), "logs"))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{db: db, written: written, seen: make(chan http.Header, 16)}
	r.API = traceapi.API{Ring: &spans.Ring{}, DB: db, Logs: written}
	var calls atomic.Int32
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.seen <- req.Header
		if fails := int32(len(req.URL.Query().Get("fail"))); calls.Add(1) <= fails {
			wire.Fail(w, req, fault.New(fault.Unavailable, "busy", "the secret is 1234"))
		}
	}))
	t.Cleanup(gateway.Close)
	d, err := delivery.Open(t.Context(), delivery.Config{
		Postgres: url, Gateway: gateway.URL, Record: r.Ring.Record, EventKey: func() (string, error) { return strings.Repeat("k", 32), nil },
		Functions: func(context.Context) ([]delivery.Function, error) {
			return []delivery.Function{{Name: "f", Concurrency: 1, Retry: delivery.Policy{Attempts: 3, MinWait: 10 * time.Millisecond, MaxWait: 20 * time.Millisecond}}}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { d.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done })
	return r
}

// ended sends a message and waits for its end.
func (r *rig) ended(t *testing.T, n queue.New) queue.Accepted {
	t.Helper()
	a := queuetest.Enqueue(t, r.db, n)
	if err := queue.Notify(t.Context(), r.db); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		p, err := queue.Find(t.Context(), r.db, a.CallID)
		if err != nil {
			t.Fatal(err)
		}
		if p.State == queue.Succeeded || p.State == queue.Failed {
			return a
		}
		if time.Now().After(end) {
			t.Fatalf("it has not ended: %+v", p)
		}
	}
}

func steps(t traceapi.Trace) (list []string) {
	for _, s := range t.Steps {
		what := strings.Repeat("-", s.Depth) + string(s.Kind)
		if s.Kind == spans.Attempt {
			what += " " + s.Code
		}
		list = append(list, strings.TrimSpace(what)+" "+s.Verdict)
	}
	return list
}

// A message that failed twice and was done then: both attempts and the end are
// there, before and after what the store remembers is gone.
//
// Seed: R33
func TestTrace_OfAMessage(t *testing.T) {
	r := open(t)
	parent := trace.New()
	a := r.ended(t, queue.New{Path: "/?fail=xx", Headers: map[string][]string{trace.Header: {parent.String()}, trace.HeaderState: {"v=1"}}})
	r.written.WriteLine("f", "openfaas-fn", "i", `{"msg":"request","call_id":"`+a.CallID+`"}`)
	r.written.WriteLine("f", "openfaas-fn", "i", `{"msg":"another's"}`)
	got, err := r.Of(t.Context(), a.CallID)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"message done", "-queued ", "-attempt busy retry", "-attempt busy retry", "-attempt done"}
	if list := steps(got); !slices.Equal(list, want) || got.State != "ok" || got.TraceID != parent.Trace.String() {
		t.Errorf("%q, want %q; %s", list, want, got.State)
	}
	if len(got.Logs) != 1 || got.Logs[0].CallID != a.CallID {
		t.Errorf("lines %+v", got.Logs)
	}
	message := got.Steps[0]
	if message.Parent != parent.Span.String() {
		t.Errorf("the message is part of %s, want %s", message.Parent, parent.Span)
	}
	for _, s := range got.Steps[2:] {
		c, ok := trace.Of(<-r.seen)
		if !ok || c.Trace != parent.Trace || c.Span.String() != s.ID || s.Parent != message.ID {
			t.Errorf("the function got %v in %+v", c, s)
		}
	}

	r.Ring = &spans.Ring{} // a restart
	if got, err = r.Of(t.Context(), a.CallID); err != nil {
		t.Fatal(err)
	}
	want = []string{"message done", "-attempt busy retry", "-attempt busy retry", "-attempt done"}
	if list := steps(got); !slices.Equal(list, want) || got.State != "ok" {
		t.Errorf("after a restart: %q, want %q; %s", list, want, got.State)
	}
	text := traceapi.Text(got)
	if !strings.Contains(text, "attempt 2 f") || !strings.Contains(text, "503 busy tried again") || strings.Contains(text, "1234") {
		t.Errorf("%s", text)
	}
}

// A dead letter, without a context: all its deliveries are one journey; and what
// the function said of itself is not in it.
//
// Seed: B22
func TestTrace_OfADeadLetter(t *testing.T) {
	r := open(t)
	a := r.ended(t, queue.New{Path: "/?fail=xxxx"})
	got, err := r.Of(t.Context(), a.CallID)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"message dead", "-queued ", "-attempt busy retry", "-attempt busy retry", "-attempt busy dead"}
	if list := steps(got); !slices.Equal(list, want) || got.State != "failed" || got.TraceID != trace.OfCall(a.CallID).Trace.String() {
		t.Errorf("%q, want %q; %+v", list, want, got)
	}
	all, err := json.Marshal(got)
	if err != nil || strings.Contains(string(all), "1234") {
		t.Errorf("what the function said is there: %s %v", all, err)
	}
	for which, n := range map[string]int{"": 1, "failed": 1} {
		if list := r.Recent(which); len(list) != n {
			t.Errorf("%q: %+v", which, list)
		}
	}
	r.Ring = &spans.Ring{}
	if got, err = r.Of(t.Context(), a.CallID); err != nil {
		t.Fatal(err)
	}
	if list := steps(got); !slices.Equal(list, slices.Delete(want, 1, 2)) || got.State != "failed" {
		t.Errorf("after a restart: %q %s", list, got.State)
	}
}

// A message that waits is open, and a call that nobody knows is not found.
func TestTrace_OfWhatHasNotEnded(t *testing.T) {
	r := open(t)
	a := queuetest.Enqueue(t, r.db, queue.New{Function: "nobody", Delay: time.Hour})
	if got, err := r.Of(t.Context(), a.CallID); err != nil || got.State != "open" || len(got.Steps) != 1 || !got.Steps[0].Open {
		t.Errorf("%+v %v", got, err)
	}
	for _, id := range []string{"", "unknown", "'; drop", strings.Repeat("x", 100)} {
		if _, err := r.Of(t.Context(), id); fault.Of(err).Code != "trace_not_found" {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// Whatever contexts clients make up, a journey is put in order and ends.
func TestTrace_PartsOfThemselves(t *testing.T) {
	_, db := queuetest.Open(t)
	ring := &spans.Ring{}
	a := trace.New()
	b := a.Child()
	ring.Record(spans.Span{Context: a, Parent: b.Span, Kind: spans.Call, CallID: "c", Start: time.Now()})
	ring.Record(spans.Span{Context: b, Parent: a.Span, Kind: spans.Call, CallID: "c", Start: time.Now()})
	got, err := traceapi.API{Ring: ring, DB: db}.Of(t.Context(), "c")
	if err != nil || len(got.Steps) != 2 {
		t.Errorf("%+v %v", got, err)
	}
}

// A journey that begins with an object is listed by the first call that it led to,
// and one that led to none is no call.
func TestRecent_NamesTheFirstCall(t *testing.T) {
	ring, began := &spans.Ring{}, time.Now()
	object := trace.New()
	for i, s := range []spans.Span{
		{Context: object, Kind: spans.Object},
		{Context: object.Child(), Kind: spans.Call, CallID: "one", Function: "f"},
		{Context: object.Child(), Kind: spans.Call, CallID: "two", Function: "g"},
		{Context: trace.New(), Kind: spans.Object},
	} {
		s.Start, s.Status = began.Add(time.Duration(i)*time.Millisecond), http.StatusOK
		ring.Record(s)
	}
	list := traceapi.API{Ring: ring}.Recent("")
	if len(list) != 1 || list[0].CallID != "one" || list[0].Kind != spans.Object || list[0].Steps != 3 {
		t.Errorf("%+v", list)
	}
}
