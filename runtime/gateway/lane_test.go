package gateway

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/wire"
	"fnstore/runtime/express"
)

// held is a replica with the calls that were counted in at it.
type held struct {
	*atomic.Int64
	deployment types.FunctionDeployment
}

func (h *held) Socket() string                        { return "/s" }
func (h *held) Transport() http.RoundTripper          { return http.DefaultTransport }
func (h *held) Deployment() *types.FunctionDeployment { return &h.deployment }
func (h *held) Release()                              { h.Add(-1) }

// carrying is a gateway whose functions are ready, but for one that is full.
func carrying(most int) (*Gateway, *held) {
	h := &held{Int64: new(atomic.Int64)}
	return New(Config{Provider: &provider{}, Version: "1", User: "admin", MaxInflight: most, Take: func(name string, fits func(*types.FunctionDeployment) bool) (Taken, int64, bool) {
		if !fits(&h.deployment) {
			return nil, 0, false
		}
		switch name {
		case "full":
			return nil, 3, false
		case "asleep":
			return nil, 0, false
		}
		h.Add(1)
		return h, 0, true
	}}), h
}

// Who finds a function full may wait, and is neither refused nor counted yet.
func TestWhoIsFullMayBeWaitedFor(t *testing.T) {
	g, _ := carrying(1)
	var q express.Request
	q.Read([]byte(get("/function/full")), Functions)
	for range 3 {
		if call, refusal, full := g.Carrier().Begin(&q, "1.2.3.4:5", nil, false); call != nil || refusal != nil || full != "full" {
			t.Errorf("%v, %q, %q", call, refusal, full)
		}
	}
	if _, res, _ := ask(t, g, get("/function/full")); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("refused with %s", res.Status)
	}
	if m := shown(g); !strings.Contains(m, `gateway_function_invocation_total{code="429",function_name="full.openfaas-fn"} 1`) {
		t.Errorf("counted: %s", m)
	}
}

// ask begins a call.
func ask(t *testing.T, g *Gateway, request string) (express.Call, *http.Response, string) {
	t.Helper()
	var q express.Request
	if n, _ := q.Read([]byte(request), Functions); n != len(request) {
		t.Fatalf("%q is not plain", request)
	}
	call, refusal, _ := g.Carrier().Begin(&q, "1.2.3.4:5", nil, true)
	if refusal == nil {
		return call, nil, ""
	}
	in := bufio.NewReader(bytes.NewReader(refusal))
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("%q: %v", refusal, err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || in.Buffered() > 0 {
		t.Errorf("%q: %v, %d bytes are left", refusal, err, in.Buffered())
	}
	return call, res, string(body)
}

func get(target string, headers ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// shown are the metrics.
func shown(g *Gateway) string {
	w := httptest.NewRecorder()
	g.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// Who is full is spoken for in the function server's words (contract of
// OpenFaaS' watchdog), and nothing stays counted.
func TestWhoIsFullIsSpokenFor(t *testing.T) {
	g, _ := carrying(10)
	call, res, body := ask(t, g, get("/function/full/x", "X-Call-Id: mine"))
	if call != nil || res.StatusCode != 429 || body != "Concurrent request limit exceeded. Max concurrent requests: 3\n" || res.Close {
		t.Errorf("%v %v %q", call, res, body)
	}
	for name, want := range map[string]string{"Content-Type": "text/plain", "Retry-After": "1", "X-Openfaas-Internal": "faas-middleware", "X-Call-Id": "mine", "X-Served-By": "fnstore/1"} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if shown := shown(g); !strings.Contains(shown, `gateway_function_invocation_total{code="429",function_name="full.openfaas-fn"} 1`) || g.inflight.Load() != 0 {
		t.Errorf("%d under way, counted %s", g.inflight.Load(), shown)
	}
	if _, res, _ := ask(t, g, get("/function/full", "Connection: close")); !res.Close {
		t.Error("the connection is kept")
	}
}

// Calls over a bound are refused as on the ordinary way.
func TestACarrierShedsToo(t *testing.T) {
	g, h := carrying(4)
	var calls []express.Call
	for range 3 { // one function's share
		call, _, _ := ask(t, g, get("/function/f"))
		calls = append(calls, call)
	}
	refused := func(target, code string) {
		_, res, body := ask(t, g, get(target))
		var p wire.Problem
		if res == nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || json.Unmarshal([]byte(body), &p) != nil || p.Code != code || p.CallID != res.Header.Get(wire.CallID) {
			t.Errorf("%s: %v %s", target, res, body)
		}
	}
	refused("/function/f", "function_overloaded")
	call, _, _ := ask(t, g, get("/function/g"))
	calls = append(calls, call)
	refused("/function/h", "overloaded")
	for _, c := range calls {
		c.End(200)
	}
	if h.Load() != 0 || g.inflight.Load() != 0 || g.metrics.of("f").open.Load() != 0 {
		t.Errorf("%d are held, %d under way, %d of f", h.Load(), g.inflight.Load(), g.metrics.of("f").open.Load())
	}
	if shown := shown(g); !strings.Contains(shown, `gateway_function_invocation_inflight{function_name="f.openfaas-fn"} 0`) {
		t.Errorf("the gauge says %s", shown)
	}
}

// What a carrier leaves to the ordinary way: it must not wait, and takes nothing
// that is worth a second look.
func TestWhatACarrierLeaves(t *testing.T) {
	g, h := carrying(10)
	for _, request := range []string{
		get("/function/asleep"), get("/function/"), get("/function/a.b"), get("/function/A"), get("/function/f/%41"), get("/function/f/../x"), get("/function/f//x"),
		get("/function/f/;x"), get("/function/f\\x"), get("/function/./f"), "HEAD /function/f HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		if call, res, _ := ask(t, g, request); call != nil || res != nil {
			t.Errorf("%q: %v %v", request, call, res)
		}
	}
	h.deployment.Annotations = &map[string]string{annotationInternal: "true"}
	if call, res, _ := ask(t, g, get("/function/f")); call != nil || res != nil {
		t.Errorf("an internal function: %v %v", call, res)
	}
	if h.Load() != 0 || g.inflight.Load() != 0 {
		t.Errorf("%d are held, %d under way", h.Load(), g.inflight.Load())
	}
}
