package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"
)

// A function whose calls pile up does not take the room of the others.
func TestLimit_OneFunctionLeavesRoomForOthers(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	r := open(t, func(_ http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/pile" {
			begun <- struct{}{}
			<-end
		}
	})
	r.p.functions["other"] = types.FunctionStatus{Name: "other"}
	r.g.cfg.MaxInflight = 4
	codes := make(chan int, 3)
	for range 3 {
		go func() {
			res, err := http.Get(r.URL + "/function/echo/pile")
			if err != nil {
				codes <- 0
				return
			}
			codes <- res.StatusCode
		}()
		<-begun
	}
	res, body := r.do(t, "GET", "/function/echo", "", false)
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !strings.Contains(body, "function_overloaded") {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	if res, body := r.do(t, "GET", "/function/other", "", false); res.StatusCode != 200 {
		t.Errorf("the other: %d %s", res.StatusCode, body)
	}
	close(end)
	for range 3 {
		if c := <-codes; c != 200 {
			t.Errorf("an admitted call: %d", c)
		}
	}
	if res, _ := r.do(t, "GET", "/function/echo", "", false); res.StatusCode != 200 {
		t.Errorf("afterwards: %d", res.StatusCode)
	}
}

// Over the bound the answer is 503 at once, and the operator is still heard.
func TestLimit_CallsOverTheBoundAreShed(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	r := open(t, func(http.ResponseWriter, *http.Request) { begun <- struct{}{}; <-end })
	r.g.cfg.MaxInflight = 2
	codes := make(chan int, 2)
	for range 2 {
		go func() {
			res, err := http.Get(r.URL + "/function/echo")
			if err != nil {
				codes <- 0
				return
			}
			codes <- res.StatusCode
		}()
		<-begun
	}
	res, body := r.do(t, "GET", "/function/echo", "", false)
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !strings.Contains(body, "overloaded") || res.Header.Get(internalHeader) != "proxy" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	r.step(t, "GET", "/system/functions", "", 200, "echo")
	if res, _ := r.do(t, "GET", "/healthz", "", false); res.StatusCode != 200 {
		t.Errorf("healthz %d", res.StatusCode)
	}
	close(end)
	for range 2 {
		if c := <-codes; c != 200 {
			t.Errorf("an admitted call: %d", c)
		}
	}
	if n := r.g.inflight.Load(); n != 0 {
		t.Errorf("%d calls are still counted", n)
	}
}

// A body that trickles is cut off; a function that takes its time is not.
func TestLimit_BodiesThatTrickleAreCutOff(t *testing.T) {
	r := open(t, echo)
	r.g.cfg.BodyStall = 50 * time.Millisecond
	for _, path := range []string{"/function/echo", "/async-function/echo"} {
		r.queued(nil)
		res, body := r.raw(t, "POST "+path+" HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nonly this")
		if res.StatusCode != 400 || !strings.Contains(body, "body_too_slow") || !res.Close {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}

	// The function reads long after the body has come, and the connection is good
	// for a second call.
	arrived := make(chan struct{})
	r = open(t, func(w http.ResponseWriter, req *http.Request) {
		<-arrived
		echo(w, req)
	})
	r.g.cfg.BodyStall = 50 * time.Millisecond
	c, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		<-time.After(200 * time.Millisecond) // longer than the patience: what is tested is that it does not count
		close(arrived)
	}()
	in := bufio.NewReader(c)
	for range 2 {
		if _, err := io.WriteString(c, "POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%v %v", res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
	}
}

// A client that takes nothing is let go, and so is what the function writes.
func TestLimit_AnswersThatNobodyTakesEnd(t *testing.T) {
	over := make(chan struct{})
	r := stalling(t, 50*time.Millisecond, func(w http.ResponseWriter, req *http.Request) {
		defer close(over)
		for chunk := make([]byte, 1<<20); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	r.dial(t).writeLine(t, "GET /function/echo HTTP/1.1\r\nHost: h\r\n\r\n")
	within(t, "the end of what the function writes", over)
}

func TestLimit_AFunctionsOwnTimeoutWins(t *testing.T) {
	g := New(Config{Timeout: time.Minute})
	for v, want := range map[string]time.Duration{
		"": time.Minute, "10s": time.Minute, "5m": 5*time.Minute + Margin, "300": 5*time.Minute + Margin, "soon": time.Minute, "-1s": time.Minute,
		"0": 0, "0s": 0, // no limit
	} {
		if got := g.timeout(map[string]string{"exec_timeout": v}); got != want {
			t.Errorf("exec_timeout %q: %s, want %s", v, got, want)
		}
	}
	r := open(t, func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	r.g.cfg.Timeout = 20 * time.Millisecond
	if res, body := r.do(t, "GET", "/function/echo", "", false); res.StatusCode != 504 || !strings.Contains(body, "function_timeout") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestLimit_WebSocketsPassAndHTTP2UpgradesDoNot(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Upgrade") == "" {
			echo(w, req)
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		line, _ := rw.ReadString('\n')
		_, _ = io.WriteString(c, "heard "+line)
	})
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	_, _ = io.WriteString(c, "GET /function/echo/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n")
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("%v %v", res, err)
	}
	_, _ = io.WriteString(c, "hello\n")
	if line, err := in.ReadString('\n'); line != "heard hello\n" {
		t.Errorf("%q %v", line, err)
	}

	res, body := r.raw(t, "GET /function/echo HTTP/1.1\r\nHost: h\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n")
	if res.StatusCode != 200 || strings.Contains(body, "h2c") || strings.Contains(body, "Http2") {
		t.Errorf("h2c: %d %s", res.StatusCode, body)
	}
}

// Metrics are served while nothing else is.
func TestLimit_InflightIsAGauge(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	r := open(t, func(http.ResponseWriter, *http.Request) { close(begun); <-end })
	done := make(chan struct{})
	go func() {
		defer close(done)
		if res, err := http.Get(r.URL + "/function/echo"); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-begun
	m := httptest.NewRecorder()
	r.g.Metrics().ServeHTTP(m, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`gateway_function_invocation_inflight{function_name="echo.openfaas-fn"} 1`, `gateway_service_count{function_name="echo.openfaas-fn"} 0`} {
		if !strings.Contains(m.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, m.Body)
		}
	}
	close(end)
	<-done
}
