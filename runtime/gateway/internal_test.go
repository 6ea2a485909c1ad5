package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/wire"
)

// A function that says it is internal is called by who holds the store's key.
func TestInternal_FunctionsTakeNoStrangersCall(t *testing.T) {
	r := open(t, echo)
	key := r.internalEcho(t)
	call := func(change func(*http.Request)) (*http.Request, *http.Response) {
		req, err := http.NewRequest("POST", r.URL+"/function/echo/a%2Fb?c=1", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(wire.CallID, "call-1")
		caller.Sign(req.Header, key, "POST", "/a%2Fb?c=1", []byte("body"), time.Now())
		change(req)
		return req, send(t, req)
	}
	_, res := call(func(*http.Request) {})
	var s seen
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil || res.StatusCode != 200 || s.Body != "body" || s.URI != "/a%2Fb?c=1" {
		t.Errorf("a signed call: %d %+v %v", res.StatusCode, s, err)
	}
	for name, change := range map[string]func(*http.Request){
		"unsigned":            func(q *http.Request) { q.Header.Del(caller.Header) },
		"made up":             func(q *http.Request) { q.Header.Set(caller.Header, "t=1,v1=00") },
		"twice":               func(q *http.Request) { q.Header.Add(caller.Header, q.Header.Get(caller.Header)) },
		"another call":        func(q *http.Request) { q.Header.Set(wire.CallID, "call-2") },
		"another query":       func(q *http.Request) { q.URL.RawQuery = "c=2" },
		"another path":        func(q *http.Request) { q.URL.Path, q.URL.RawPath = "/function/echo/x", "" },
		"another method":      func(q *http.Request) { q.Method = "PUT" },
		"named in Connection": func(q *http.Request) { q.Header.Del(caller.Header); q.Header.Set("Connection", caller.Header) },
		"the password":        func(q *http.Request) { q.Header.Del(caller.Header); q.SetBasicAuth("admin", password) },
		"old": func(q *http.Request) {
			caller.Sign(q.Header, key, "POST", "/a%2Fb?c=1", []byte("body"), time.Now().Add(-time.Hour))
		},
		"another key": func(q *http.Request) {
			caller.Sign(q.Header, strings.Repeat("x", 32), "POST", "/a%2Fb?c=1", []byte("body"), time.Now())
		},
	} {
		if _, res := call(change); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	if n := r.g.queuing.Load(); n != 0 {
		t.Errorf("%d bytes are still counted as held", n)
	}
}
