package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/kit/queue/deadletter"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/delivery/queuetest"
	"fnstore/runtime/gateway"
)

// queued is a gateway with the real queue behind it.
func queued(t *testing.T) (*gateway.Gateway, *pgxpool.Pool) {
	t.Helper()
	_, pool := queuetest.Open(t)
	r := open(t, nil)
	return gateway.New(gateway.Config{
		Provider: &provider{r, map[string]http.RoundTripper{"echo": http.DefaultTransport}}, User: "admin", Password: "correct horse",
		Enqueue: func(ctx context.Context, n queue.New) (queue.Accepted, error) { return queue.Enqueue(ctx, pool, n) },
		Cancel:  func(ctx context.Context, id string) (bool, error) { return lease.Open(pool).Cancel(ctx, id) },
	}), pool
}

// With the real queue: 202 is a row, the row is the call, and a call that waits
// can be cancelled.
func TestQueue_AcceptedIsCommitted(t *testing.T) {
	g, pool := queued(t)
	call := func(method, path, body, id string) int {
		t.Helper()
		req := httptest.NewRequest(method, path, strings.NewReader(body))
		req.Header.Set("X-Call-Id", id)
		req.Header.Set("X-Custom", "\xff") // which Postgres' text does not have
		if method == http.MethodDelete {
			req.SetBasicAuth("admin", "correct horse")
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, req)
		return w.Code
	}
	if code := call("POST", "/async-function/echo/\xff\xc3\xa9?\xfe", "\x00\xffbody", "first"); code != 202 {
		t.Fatalf("%d", code)
	}
	if code := call("DELETE", "/async-function/first", "", "x"); code != 202 {
		t.Errorf("cancel: %d", code)
	}
	req := httptest.NewRequest("POST", "/async-function/echo/a%2Fb?c=%2F", strings.NewReader("\x00\xffbody"))
	req.Header.Set("X-Call-Id", "second")
	req.Header.Set("Content-Type", "text/x")
	w := httptest.NewRecorder()
	g.ServeHTTP(w, req)
	if w.Code != 202 || w.Body.Len() != 0 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if l, err := deadletter.List(t.Context(), pool, deadletter.Filter{Function: "echo"}, 0, 10); err != nil || len(l) != 1 || l[0].Code != "cancelled" || l[0].Path != "/%FF%C3%A9?%FE" {
		t.Errorf("dead letters %+v, %v", l, err)
	}
	list, err := lease.Open(pool).Claim(t.Context(), 1, []lease.Want{{Function: "echo", Max: 10}})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d messages, %v", len(list), err)
	}
	m := list[0]
	if m.CallID != "second" || m.Method != "POST" || m.Path != "/a%2Fb?c=%2F" || string(m.Body) != "\x00\xffbody" || m.Trusted || len(m.Headers) != 2 || fmt.Sprint(m.Headers["Content-Type"]) != "[text/x]" || m.Headers["Traceparent"] == nil {
		t.Errorf("%+v", m)
	}
	if code := call("DELETE", "/async-function/second", "", "x"); code != 404 {
		t.Errorf("a call under way was cancelled: %d", code)
	}
}

// An asynchronous call has an id, whoever chose it, by which it is known and
// cancelled, once. Nothing calls back yet, so a caller who counts on that is
// told at once.
//
// Seed: R82
func TestQueue_AnAsyncCallIsKnownByItsID(t *testing.T) {
	g, pool := queued(t)
	do := func(method, path string, headers ...string) *httptest.ResponseRecorder {
		t.Helper()
		req := httptest.NewRequest(method, path, strings.NewReader("body"))
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		if method == http.MethodDelete {
			req.SetBasicAuth("admin", "correct horse")
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, req)
		return w
	}
	made := do("POST", "/async-function/echo")
	id := made.Header().Get("X-Call-Id")
	if made.Code != 202 || made.Body.Len() != 0 || id == "" {
		t.Fatalf("%d %q, id %q", made.Code, made.Body, id)
	}
	if w := do("POST", "/async-function/echo", "X-Call-Id", "mine-1"); w.Code != 202 || w.Header().Get("X-Call-Id") != "mine-1" {
		t.Errorf("%d, id %q", w.Code, w.Header().Get("X-Call-Id"))
	}
	for _, want := range []int{202, 404} {
		if w := do("DELETE", "/async-function/"+id); w.Code != want {
			t.Errorf("cancel: %d, want %d", w.Code, want)
		}
	}
	list, err := lease.Open(pool).Claim(t.Context(), 1, []lease.Want{{Function: "echo", Max: 10}})
	if err != nil || len(list) != 1 || list[0].CallID != "mine-1" {
		t.Errorf("what is left to do: %+v, %v", list, err)
	}
	if w := do("POST", "/async-function/echo", "X-Callback-Url", "http://127.0.0.1:1/"); w.Code != 400 || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("a callback: %d %s", w.Code, w.Body)
	}
}
