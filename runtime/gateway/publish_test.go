package gateway

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"fnstore/connectors/topic"
	"fnstore/kit/caller"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
)

// topics gives echo the right to publish to orders, and keeps what it publishes.
func (r *rig) topics(err error) (published func() []queue.New) {
	f := r.p.functions["echo"]
	f.Annotations = &map[string]string{"fnstore.sends": "other, topic:orders"}
	r.p.functions["echo"] = f
	var mu sync.Mutex
	var list []queue.New
	r.g.cfg.Publish = func(_ context.Context, n queue.New) error {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			list = append(list, n)
		}
		return err
	}
	return func() []queue.New {
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

// says is a function that answers as the query asks.
func says(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.URL.Query() {
		if name != "status" && name != "long" && name != "flush" {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
	}
	if r.URL.Query().Has("status") {
		w.WriteHeader(http.StatusAccepted)
	}
	if r.URL.Query().Has("flush") {
		_ = http.NewResponseController(w).Flush()
	}
	if r.URL.Query().Has("long") {
		_, _ = w.Write(make([]byte, topic.MaxAnswer+1))
		return
	}
	_, _ = io.WriteString(w, "paid 7")
}

func TestPublish_AnswerGoesToTheTopicAndThenToTheClient(t *testing.T) {
	r := open(t, says)
	published := r.topics(nil)
	for i, path := range []string{"", "&flush", "&status"} {
		res, body := r.do(t, "POST", "/function/echo?content-type=text/x&x-own=1&x-fnstore-publish=orders&x-fnstore-attributes="+url.QueryEscape(`{"type":"paid"}`)+path, "", false)
		if res.StatusCode/100 != 2 || body != "paid 7" || res.Header.Get("X-Own") != "1" || res.Header[topic.HeaderPublish] != nil || res.Header[topic.HeaderAttributes] != nil {
			t.Errorf("%s: %d %q %v", path, res.StatusCode, body, res.Header)
		}
		if len(published()) != i+1 {
			t.Fatalf("%s: %d publications", path, len(published()))
		}
		n := published()[i]
		if n.Function != "topic:orders" || string(n.Body) != "paid 7" || n.Headers[topic.HeaderAttributes][0] != `{"type":"paid"}` || n.Headers["Content-Type"][0] != "text/x" || n.Headers["X-Own"] != nil {
			t.Errorf("%+v", n)
		}
	}
	if n := r.g.queuing.Load(); n != 0 {
		t.Errorf("%d bytes are still counted as held", n)
	}
}

func TestPublish_WhatFailsIsNoSuccess(t *testing.T) {
	for name, c := range map[string]struct {
		query  string
		err    error
		status int
		code   string
	}{
		"not allowed":     {"x-fnstore-publish=users", nil, 502, "publish_not_allowed"},
		"no topic":        {"x-fnstore-publish=%20", nil, 502, "bad_publication"},
		"two topics":      {"x-fnstore-publish=orders&x-fnstore-publish=orders", nil, 502, "bad_publication"},
		"attributes":      {"x-fnstore-publish=orders&x-fnstore-attributes=1", nil, 502, "bad_publication"},
		"too long":        {"x-fnstore-publish=orders&long", nil, 502, "publish_too_large"},
		"the queue fails": {"x-fnstore-publish=orders", errors.New("no database"), 503, "publish_failed"},
	} {
		r := open(t, says)
		published := r.topics(c.err)
		res, body := r.do(t, "POST", "/function/echo?"+c.query, "", false)
		if res.StatusCode != c.status || !strings.Contains(body, `"`+c.code+`"`) || res.Header[topic.HeaderPublish] != nil || len(published()) != 0 {
			t.Errorf("%s: %d %s %v", name, res.StatusCode, body, res.Header)
		}
		if n := r.g.queuing.Load(); n != 0 {
			t.Errorf("%s: %d bytes are still counted as held", name, n)
		}
	}
}

// Errors, answers without a body of their own and trailers publish nothing, and
// the client sees no header all the same.
func TestPublish_OnlySuccesses(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/trailer" {
			w.Header().Set("Trailer", topic.HeaderPublish)
			_, _ = io.WriteString(w, "x")
		}
		w.Header().Set(topic.HeaderPublish, "orders")
		if req.URL.Path == "/error" {
			w.WriteHeader(http.StatusConflict)
		}
	})
	published := r.topics(nil)
	for path, method := range map[string]string{"/error": "POST", "/head": "HEAD", "/trailer": "GET"} {
		res, _ := r.do(t, method, "/function/echo"+path, "", false)
		if res.Header[topic.HeaderPublish] != nil || res.Trailer[topic.HeaderPublish] != nil || len(published()) != 0 {
			t.Errorf("%s: %v %v, %d publications", path, res.Header, res.Trailer, len(published()))
		}
	}
}

// Delivery publishes by itself, so its calls get the header; nobody else's do.
func TestPublish_LeftToDelivery(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Header[caller.HeaderDelivery] != nil {
			t.Error("the function sees the proof")
		}
		says(w, req)
	})
	published := r.topics(nil)
	const key = "0123456789abcdef0123456789abcdef"
	if err := r.g.cfg.Secrets.Put(caller.Secret, []byte(key)); err != nil {
		t.Fatal(err)
	}
	call := func(h http.Header) http.Header {
		req, err := http.NewRequest("POST", r.URL+"/function/echo?x-fnstore-publish=orders&x-fnstore-attributes=%7B%7D", nil)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(req.Header, h)
		return send(t, req).Header
	}
	good := http.Header{wire.CallID: {"call-1"}}
	caller.MarkDelivery(good, key)
	if h := call(good); h.Get(topic.HeaderPublish) != "orders" || h.Get(topic.HeaderAttributes) != "{}" || len(published()) != 0 {
		t.Errorf("%v, %d publications", h, len(published()))
	}
	bad := good.Clone()
	bad.Set(wire.CallID, "call-2")
	if h := call(bad); h[topic.HeaderPublish] != nil || len(published()) != 1 {
		t.Errorf("%v, %d publications", h, len(published()))
	}
}
