package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fnstore/kit/wire"
)

func TestGateway_HeadersOfTheCall(t *testing.T) {
	r := open(t, echo)
	_, body := r.raw(t, "POST /function/echo HTTP/1.1\r\nHost: store.example\r\nConnection: close, X-Secret\r\nX-Secret: s\r\nKeep-Alive: 1\r\n"+
		"Te: trailers\r\nProxy-Authorization: p\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nForwarded: for=evil\r\nX-Real-Ip: 6.6.6.6\r\n"+
		"X-OpenFaaS-Internal: no\r\nX-Function-Name: no\r\nX-Start-Time: 1\r\nX-Call-Id: mine-1\r\nAuthorization: Bearer t\r\nCookie: c=1\r\n"+
		"X-Fnstore-Signature: s\r\nContent-Length: 4\r\n\r\nbody")
	var s seen
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"X-Secret", "Keep-Alive", "Te", "Proxy-Authorization", "Forwarded", "X-Real-Ip", "X-Openfaas-Internal", "X-Function-Name"} {
		if v := s.Header.Values(gone); len(v) > 0 {
			t.Errorf("%s: %q reached the function", gone, v)
		}
	}
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "store.example", "X-Call-Id": "mine-1",
		"Authorization": "Bearer t", "Cookie": "c=1", "X-Fnstore-Signature": "s",
	} {
		if v := s.Header.Values(name); len(v) != 1 || v[0] != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if v := s.Header.Values("X-Start-Time"); len(v) != 1 || len(v[0]) != 19 {
		t.Errorf("X-Start-Time %q", v)
	}
	if s.Body != "body" || s.Host != "store.example" {
		t.Errorf("body %q, host %q", s.Body, s.Host)
	}
}

func TestGateway_TheOperatorsPasswordReachesNoFunction(t *testing.T) {
	r := open(t, echo)
	if _, body := r.do(t, "GET", "/function/echo", "", true); strings.Contains(body, "Authorization") {
		t.Errorf("the function saw %s", body)
	}
}

func TestGateway_TheCallIdIsAlwaysReturned(t *testing.T) {
	r := open(t, echo)
	for _, sent := range []string{"", "abc-1", "bad id", strings.Repeat("a", 65), "x\"y"} {
		req, _ := http.NewRequest("GET", r.URL+"/function/echo", nil)
		if sent != "" {
			req.Header.Set(wire.CallID, sent)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var s seen
		_ = json.NewDecoder(res.Body).Decode(&s)
		_ = res.Body.Close()
		got := res.Header.Values(wire.CallID)
		if len(got) != 1 || !goodCallID(got[0]) || s.Header.Get(wire.CallID) != got[0] || sent == "abc-1" && got[0] != sent {
			t.Errorf("sent %q, returned %q, the function saw %q", sent, got, s.Header.Values(wire.CallID))
		}
	}
}

func TestGateway_AnswersPassThrough(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/redirect":
			http.Redirect(w, req, "/elsewhere", http.StatusFound)
		case "/bare":
			w.Header()["Content-Type"] = nil
			fmt.Fprint(w, "x")
		case "/cut":
			panic(http.ErrAbortHandler)
		case "/stream":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-req.Context().Done()
		}
	})
	if res, _ := r.do(t, "GET", "/function/echo/redirect", "", false); res.StatusCode != 302 || res.Header.Get("Location") != "/elsewhere" {
		t.Errorf("redirect: %d %q", res.StatusCode, res.Header.Get("Location"))
	}
	if res, _ := r.do(t, "GET", "/function/echo/bare", "", false); res.Header.Get("Content-Type") != "text/plain; charset=utf-8" || res.Header.Get("X-Served-By") != "fnstore/1.2.3" {
		t.Errorf("bare: %v", res.Header)
	}
	res, body := r.do(t, "GET", "/function/echo/cut", "", false)
	var p wire.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || res.StatusCode != 502 || p.Code != "function_unreachable" || res.Header.Get(internalHeader) != "proxy" {
		t.Errorf("cut: %d %s", res.StatusCode, body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", r.URL+"/function/echo/stream", nil)
	stream, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if line, err := bufio.NewReader(stream.Body).ReadString('\n'); line != "data: 1\n" {
		t.Errorf("stream: %q, %v", line, err)
	}
}

func TestGateway_BodiesAreBounded(t *testing.T) {
	r := open(t, echo)
	if res, _ := r.raw(t, fmt.Sprintf("POST /function/echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", maxBodyBytes+1)); res.StatusCode != 413 {
		t.Errorf("a length over the limit: %d", res.StatusCode)
	}
}

func TestGateway_MetricsCountByFunctionAndCode(t *testing.T) {
	r := open(t, echo)
	r.do(t, "GET", "/function/echo", "", false)
	r.do(t, "GET", "/function/echo.openfaas-fn", "", false)
	m := httptest.NewRecorder()
	r.g.Metrics().ServeHTTP(m, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`gateway_function_invocation_total{code="200",function_name="echo.openfaas-fn"} 2`,
		`gateway_function_invocation_started{function_name="echo.openfaas-fn"} 2`,
		`gateway_functions_seconds_count{code="200",function_name="echo.openfaas-fn"} 2`,
	} {
		if !strings.Contains(m.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, m.Body)
		}
	}
	if _, body := r.do(t, "GET", "/system/functions", "", true); !strings.Contains(body, `"invocationCount":2`) {
		t.Errorf("status %s", body)
	}
}
