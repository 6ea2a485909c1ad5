package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	chain "fnstore/functions/chain"
	"fnstore/kit/caller"
	"fnstore/kit/signed"
	"fnstore/runtime/provision"
)

// chained is chain behind a gateway that has it and others.
func (r *rig) chained(t *testing.T, steps string, others map[string]http.Handler) (url string, functions map[string]http.Handler) {
	t.Helper()
	mountEventKey(t)
	r.set(caller.Secret, eventKey)
	r.provide(provision.Function{Name: "chain", Secrets: []string{"chain-pg"}})
	var h http.Handler
	functions = map[string]http.Handler{"chain": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) })}
	for name, other := range others {
		functions[name] = signed.Only(1<<20, other)
	}
	mux := gatewayOf(functions)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.(*http.ServeMux).Handler(r); pattern == "" {
			w.Header().Set("X-OpenFaaS-Internal", "proxy")
			w.WriteHeader(404)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(gateway.Close)
	r.env["gateway_url"], r.env["chain_steps"] = gateway.URL, steps
	var err error
	if h, err = chain.Open(r.getenv, r.read); err != nil {
		t.Fatal(err)
	}
	return gateway.URL + "/function/chain", functions
}

// signedAt is callSigned for a gateway's URL: what is signed is what the function
// sees.
func signedAt(t *testing.T, target, body string, header ...string) reply {
	t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	_, seen, _ := strings.Cut(target, "/function/chain")
	if !strings.HasPrefix(seen, "/") {
		seen = "/" + seen
	}
	caller.Sign(h, eventKey, "POST", seen, []byte(body), time.Now())
	return call(t, "POST", target, body, append(header, caller.Header, h.Get(caller.Header))...)
}

// The steps of the chain's own go through the gateway, under one call id, and
// leave one row; the second time they find it.
// Seed: R31
func TestChain_ValidateProcessStore(t *testing.T) {
	r := newRig(t)
	url, _ := r.chained(t, "", nil)
	body := `{"id":"m-1","values":[1,2.5,-3]}`
	a := signedAt(t, url, body, "X-Call-Id", "run-1").want(t, "run", 201, "")
	if a.get("call_id") != "run-1" || a.get("summary") != `{"count":3,"id":"m-1","max":2.5,"min":-3,"sum":0.5}` {
		t.Errorf("%s", a.body)
	}
	again := signedAt(t, url+"/run", body, "X-Call-Id", "run-2").want(t, "again", 200, "")
	if again.get("call_id") != "run-1" {
		t.Errorf("the second run wrote: %s", again.body)
	}
	if n := r.column(`select count(*)::text from fn_chain.record`)[0]; n != "1" {
		t.Errorf("%s rows", n)
	}
	other := signedAt(t, url, `{"id":"m-1","values":[1]}`, "X-Call-Id", "run-3").want(t, "other values", 422, "step_failed")
	if other.get("step") != "store" || other.get("step_code") != "record_exists" || other.get("step_status") != "409" || other.get("completed") != `["validate","process"]` || other.get("call_id") != "run-3" || other.get("tries") != "1" {
		t.Errorf("%s", other.body)
	}
	bad := signedAt(t, url, `{"id":"m-2","values":[]}`, "X-Call-Id", "run-4").want(t, "nothing to sum", 422, "step_failed")
	if bad.get("step") != "validate" || bad.get("step_code") != "bad_record" || bad.get("completed") != `[]` || !strings.Contains(bad.get("step_detail"), "values") {
		t.Errorf("%s", bad.body)
	}
	large := `{"id":"m-3","values":[` + strings.Repeat("1.000000000000000000000000000000000000000000000000000000000000,", 90_000) + `1]}`
	signedAt(t, url+"/run", large, "X-Call-Id", "run-5").want(t, "5.6 MB", 201, "")
	signedAt(t, url+"/run", large+strings.Repeat(" ", 1<<20), "X-Call-Id", "run-6").want(t, "6.6 MB", 413, "body_too_large")
	call(t, "POST", url, body).want(t, "unsigned", 401, "unsigned_call")
}

// A step's error is never the next one's input: what may pass is tried three
// times, what stays once, and the answer says which step it was and what it said.
// Seed: R31, R32, B19
func TestChain_ErrorsAreHandedOver(t *testing.T) {
	r := newRig(t)
	var mu sync.Mutex
	var ids, bodies []string
	var plan []int // statuses of the first step's answers
	first := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, req.Header.Get("X-Call-Id")+" "+req.Header.Get("Traceparent"))
		status := plan[0]
		plan = plan[1:]
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"code": "from_first", "detail": "it says why", "status": status})
	})
	second := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		b := make([]byte, 1024)
		n, _ := req.Body.Read(b)
		bodies = append(bodies, string(b[:n]))
		w.WriteHeader(204)
	})
	url, _ := r.chained(t, "first=one?op=x, second=two, third=missing", map[string]http.Handler{"one": first, "two": second})
	for _, c := range []struct {
		plan   []int
		status int
		code   string
		step   string
		tries  string
	}{
		{[]int{503, 500, 200}, 502, "step_unavailable", "third", "3"},
		{[]int{503, 500, 429}, 502, "step_unavailable", "first", "3"},
		{[]int{503, 400}, 422, "step_failed", "first", "2"},
		{[]int{404}, 422, "step_failed", "first", "1"},
		{[]int{302}, 422, "step_failed", "first", "1"},
	} {
		mu.Lock()
		plan, ids, bodies = c.plan, nil, nil
		mu.Unlock()
		a := signedAt(t, url, `{}`, "X-Call-Id", "run-1", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		a.want(t, c.step, c.status, c.code)
		if a.get("step") != c.step || a.get("tries") != c.tries || a.get("call_id") != "run-1" {
			t.Errorf("%v: %s", c.plan, a.body)
		}
		if c.step == "first" && (a.get("step_code") != "from_first" || a.get("step_detail") != "it says why") {
			t.Errorf("%v: %s", c.plan, a.body)
		}
		if (a.header.Get("Retry-After") != "") != (c.status >= 500) {
			t.Errorf("%v: Retry-After %q", c.plan, a.header.Get("Retry-After"))
		}
		if reached := c.step != "first"; reached != (len(bodies) == 1) {
			t.Errorf("%v: the second step got %q", c.plan, bodies)
		}
		for _, id := range ids {
			if id != "run-1 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" {
				t.Errorf("a step was called as %q", id)
			}
		}
	}
}

// The chain's time is the steps' time: each gets what is left of it, and one that
// has none left ends the chain, said so.
// Seed: R31
func TestChain_DeadlineIsPassedOn(t *testing.T) {
	r := newRig(t)
	var mu sync.Mutex
	var left []time.Duration
	slow := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		d, err := time.ParseDuration(req.Header.Get("X-Timeout"))
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		left = append(left, d)
		n := len(left)
		mu.Unlock()
		if n == 2 {
			<-req.Context().Done() // it never answers
		}
	})
	_, functions := r.chained(t, "first=slow, second=slow", map[string]http.Handler{"slow": slow})
	h := functions["chain"]
	// The function server gives a call its deadline; here a handler does.
	short := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), 2*time.Second)
		defer cancel()
		h.ServeHTTP(w, req.WithContext(ctx))
	}))
	defer short.Close()
	a := callSigned(t, "POST", short.URL+"/", `{}`, "X-Call-Id", "run-1").want(t, "late", 504, "chain_deadline")
	if a.get("step") != "second" || a.get("completed") != `["first"]` || a.get("call_id") != "run-1" {
		t.Errorf("%s", a.body)
	}
	if len(left) != 2 || left[0] > 1800*time.Millisecond || left[1] > left[0] {
		t.Errorf("the steps had %v", left)
	}
}

func TestChain_Readme(t *testing.T) {
	r := newRig(t)
	_, functions := r.chained(t, "", nil)
	out := walk(t, "chain", functions)
	for _, want := range []string{`"sum":63.5`, `"step":"validate"`, `"step_code":"bad_record"`, `"stored_at"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not have %s:\n%s", want, out)
		}
	}
}
