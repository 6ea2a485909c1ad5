package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fnstore/kit/queue"
	"fnstore/kit/trace"
	"fnstore/runtime/spans"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

// recorded keeps the steps that a gateway records.
type recorded struct {
	mu   sync.Mutex
	list []spans.Span
}

func (r *recorded) record(s spans.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, s)
}

// last waits for the step of a call: it is recorded when the client has its answer.
func (r *recorded) last(t *testing.T, n int) spans.Span {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		r.mu.Lock()
		if len(r.list) >= n {
			s := r.list[n-1]
			r.mu.Unlock()
			return s
		}
		r.mu.Unlock()
		if time.Now().After(end) {
			t.Fatalf("step %d was not recorded", n)
		}
	}
}

// A good context is gone on with, its tracestate and flags too; anything else is
// replaced. What vendors say beside a bad one is dropped.
//
// Seed: R33
func TestTrace_IsTakenOrBegun(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Duration-Seconds", "0.000100")
		echo(w, r)
	})
	var rec recorded
	r.g.cfg.Record = rec.record
	for i, c := range []struct {
		head string
		good bool
	}{
		{"Traceparent: " + traceparent, true},
		{"Traceparent: cc" + traceparent[2:] + "-later", true},
		{"", false},
		{"Traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
		{"Traceparent: " + strings.ToUpper(traceparent), false},
		{"Traceparent: " + traceparent + "\r\nTraceparent: " + traceparent, false},
	} {
		head := c.head + "\r\nTracestate: vendor=1"
		if c.head == "" {
			head = head[2:]
		}
		_, body := r.raw(t, "GET /function/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Call-Id: call-"+string(rune('a'+i))+"\r\n"+head+"\r\n\r\n")
		var got seen
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		handed, ok := trace.Of(got.Header)
		step := rec.last(t, i+1)
		if !ok || handed != step.Context || step.Kind != spans.Call || step.Function != "echo" || step.Status != 200 || step.Own != 100*time.Microsecond {
			t.Errorf("%q: the function got %v, and recorded was %+v", c.head, got.Header[trace.Header], step)
		}
		if taken := handed.Trace.String() == traceparent[3:35]; taken != c.good || step.Linked != c.good || (got.Header.Get("Tracestate") != "") != c.good {
			t.Errorf("%q: the function got %v and %q", c.head, handed, got.Header["Tracestate"])
		}
		if c.good && (step.Parent.String() != traceparent[36:52] || handed.Flags != 0) || !c.good && handed.Flags != trace.Sampled {
			t.Errorf("%q: recorded %+v", c.head, step)
		}
	}
}

// A queued call hands its context to the message; a refused one says why.
func TestTrace_OfAQueuedCall(t *testing.T) {
	r := open(t, echo)
	var rec recorded
	var got queue.New
	var fail error
	r.g.cfg.Record = rec.record
	r.g.cfg.Enqueue = func(_ context.Context, n queue.New) (queue.Accepted, error) {
		got = n
		return queue.Accepted{CallID: n.CallID}, fail
	}
	r.do(t, "POST", "/async-function/echo", "x", false)
	step := rec.last(t, 1)
	if c, ok := trace.Of(got.Headers); !ok || c != step.Context || step.Kind != spans.Accept || step.Status != 202 || step.CallID != got.CallID {
		t.Errorf("the message has %v, recorded was %+v", got.Headers, step)
	}
	fail = context.DeadlineExceeded
	r.do(t, "POST", "/async-function/echo", "x", false)
	if step := rec.last(t, 2); step.Status != 503 || step.Code != "queue_unavailable" || !step.Failed() {
		t.Errorf("%+v", step)
	}
}

// A function that does not answer is a failed step with a code.
func TestTrace_OfAFailure(t *testing.T) {
	r := open(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	var rec recorded
	r.g.cfg.Record = rec.record
	r.do(t, "GET", "/function/echo", "", false)
	if step := rec.last(t, 1); step.Status != 502 || step.Code != "function_unreachable" || !step.Failed() {
		t.Errorf("%+v", step)
	}
	r.do(t, "GET", "/function/nobody", "", false)
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.list) != 1 {
		t.Errorf("a stranger fills the memory with calls of nobody: %+v", rec.list)
	}
}

// What tracing adds to a call: a step that is taken, handed on and recorded.
func BenchmarkStep(b *testing.B) {
	var ring spans.Ring
	g := &Gateway{cfg: Config{Record: ring.Record}}
	r := &http.Request{Header: http.Header{"X-Call-Id": {"0af76519-16cd-43dd-8448-eb211c80319c"}}}
	answer := http.Header{"X-Duration-Seconds": {"0.000100"}}
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		s := takeStep(r.Header)
		s.mark(http.Header{})
		s.ownTime(answer, start)
		g.record(spans.Call, &s, r, "hello", start, 200, "")
	}
}
