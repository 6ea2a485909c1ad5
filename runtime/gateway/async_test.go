package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/trace"
	"fnstore/kit/wire"
)

// queued gives the rig a queue that keeps what it gets, or fails with err.
func (r *rig) queued(err error) *[]queue.New {
	var mu sync.Mutex
	var list []queue.New
	r.g.cfg.Enqueue = func(_ context.Context, n queue.New) (queue.Accepted, error) {
		if err != nil {
			return queue.Accepted{}, err
		}
		mu.Lock()
		defer mu.Unlock()
		list = append(list, n)
		return queue.Accepted{ID: int64(len(list)), CallID: n.CallID}, nil
	}
	r.g.cfg.Cancel = func(_ context.Context, id string) (bool, error) { return id == "waits", nil }
	return &list
}

func TestAsync_CallsAreQueuedUnsigned(t *testing.T) {
	r := open(t, echo)
	list := r.queued(nil)
	res, body := r.raw(t, "POST /async-function/echo.openfaas-fn/a%2Fb?c=%2F HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"+
		"X-Call-Id: mine-1\r\nX-Fnstore-Signature: t=1,v1=00\r\nContent-Type: text/x\r\nAuthorization: Bearer t\r\nX-OpenFaaS-Internal: x\r\n"+
		"X-Custom: 1\r\nX-Custom: 2\r\nContent-Length: 4\r\n\r\nbody")
	if res.StatusCode != 202 || body != "" || res.Header.Get(wire.CallID) != "mine-1" || res.Header.Get("X-Start-Time") == "" || res.Header.Get("X-Served-By") == "" {
		t.Fatalf("%d %q %v", res.StatusCode, body, res.Header)
	}
	n := (*list)[0]
	if n.Function != "echo" || n.Path != "/a%2Fb?c=%2F" || string(n.Body) != "body" || n.CallID != "mine-1" || n.Trusted {
		t.Errorf("%+v", n)
	}
	delete(n.Headers, trace.Header) // see TestTrace_OfAQueuedCall
	want := http.Header{"Content-Type": {"text/x"}, "Authorization": {"Bearer t"}, "X-Custom": {"1", "2"}}
	if fmt.Sprint(n.Headers) != fmt.Sprint(map[string][]string(want)) {
		t.Errorf("headers %v, want %v", n.Headers, want)
	}
	if n := r.g.queuing.Load(); n != 0 {
		t.Errorf("%d bytes are still counted as held", n)
	}
}

func TestAsync_RefusesWhatItCannotKeep(t *testing.T) {
	r := open(t, echo)
	list := r.queued(nil)
	step := func(method, path, header, body string, want int, code string) {
		t.Helper()
		res, got := r.raw(t, method+" "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"+header+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))+body)
		if res.StatusCode != want || !strings.Contains(got, code) || res.Header.Get(wire.CallID) == "" {
			t.Errorf("%s %s: %d %s, want %d %s", method, path, res.StatusCode, got, want, code)
		}
	}
	step("POST", "/async-function/nope", "", "", 404, "function_not_found")
	step("POST", "/async-function/echo.other", "", "", 404, "function_not_found")
	step("POST", "/async-function/", "", "", 400, "no_function_name")
	step("GET", "/async-function/echo", "", "", 405, "")
	step("PUT", "/async-function/echo", "", "", 405, "")
	step("DELETE", "/async-function/echo", "", "", 401, "unauthorized")
	step("POST", "/async-function/echo", "X-Callback-Url: http://h/x\r\n", "", 400, "callback_unsupported")
	step("POST", "/async-function/echo", "X-Callback-Url: http://[h\r\n", "", 400, "bad_callback")
	step("POST", "/async-function/echo", "X-Callback-Url: file:///etc/passwd\r\n", "", 400, "bad_callback")
	if res, _ := r.raw(t, fmt.Sprintf("POST /async-function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", queue.MaxBody+1)); res.StatusCode != 413 {
		t.Errorf("a length over the limit: %d", res.StatusCode)
	}
	r.g.cfg.Callback = func(url string) error {
		if url != "http://h/x" {
			return fault.New(fault.Invalid, "callback_not_allowed", "no")
		}
		return nil
	}
	step("POST", "/async-function/echo", "X-Callback-Url: http://g/x\r\n", "", 400, "callback_not_allowed")
	step("POST", "/async-function/echo", "X-Callback-Url: http://h/x\r\nX-Callback-Url: http://h/x\r\n", "", 400, "bad_callback")
	step("POST", "/async-function/echo", "X-Callback-Url: http://h/x\r\n", "", 202, "")
	if got := (*list)[0]; got.Callback != "http://h/x" || len(got.Headers["X-Callback-Url"]) != 0 {
		t.Errorf("queued %+v", got)
	}
	*list = nil
	r.internalEcho(t)
	step("POST", "/async-function/echo", "", "", 403, "internal_function")
	if len(*list) != 0 {
		t.Errorf("queued %v", *list)
	}
	r.step(t, "DELETE", "/async-function/waits", "", 202, "")
	r.step(t, "DELETE", "/async-function/runs", "", 404, "no_waiting_call")
	r.step(t, "DELETE", "/async-function/..%00", "", 400, "bad_path")
}

// No 202 without a commit, and the reason stays in the log.
func TestAsync_AQueueThatFailsIsSaidSo(t *testing.T) {
	r := open(t, echo)
	r.queued(errors.New("the database's own words"))
	res, body := r.do(t, "POST", "/async-function/echo", "x", false)
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || res.Header.Get(internalHeader) != "proxy" || strings.Contains(body, "words") {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	r.queued(fault.New(fault.TooLarge, "message_too_large", "no"))
	if res, _ := r.do(t, "POST", "/async-function/echo", "x", false); res.StatusCode != 413 {
		t.Errorf("%d", res.StatusCode)
	}
	r.g.cfg.Enqueue = nil
	if res, _ := r.do(t, "POST", "/async-function/echo", "x", false); res.StatusCode != 404 {
		t.Errorf("without a queue: %d", res.StatusCode)
	}
}

// Bodies on their way into the queue are held whole; so they are counted.
func TestAsync_BodiesHeldAreBounded(t *testing.T) {
	r := open(t, echo)
	r.queued(nil)
	enough := make(chan struct{})
	entered := make(chan struct{})
	keep := r.g.cfg.Enqueue
	r.g.cfg.Enqueue = func(ctx context.Context, n queue.New) (queue.Accepted, error) {
		entered <- struct{}{}
		<-enough
		return keep(ctx, n)
	}
	unknown := func() (*http.Response, error) { // a length that is not said counts as the most
		return http.Post(r.URL+"/async-function/echo", "text/plain", io.MultiReader(strings.NewReader("x")))
	}
	room := maxQueuing / (queue.MaxBody + perMessage)
	answers := make(chan error, room)
	for range room {
		go func() {
			res, err := unknown()
			if err == nil && res.StatusCode != 202 {
				err = fmt.Errorf("%d", res.StatusCode)
			}
			answers <- err
		}()
	}
	for range room {
		<-entered
	}
	if res, err := unknown(); err != nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %v %v", res, err)
	}
	close(enough)
	for range room {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}

// A full queue says so before it accepts anything, and when to come again.
func TestAsync_QueueFull(t *testing.T) {
	r := open(t, echo)
	r.queued(fault.New(fault.TooMany, "queue_full", "too much waits for echo").After(5 * time.Second))
	res, body := r.raw(t, "POST /async-function/echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
	if res.StatusCode != 429 || res.Header.Get("Retry-After") != "5" || !strings.Contains(body, "queue_full") {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}
