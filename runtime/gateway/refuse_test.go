package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// full is a provider whose function has as many calls as it takes.
type full struct{ *provider }

type fullError struct{ error }

func (fullError) MaxInflight() int64 { return 3 }

func (full) Acquire(context.Context, string) (http.RoundTripper, func(), error) {
	return nil, nil, fullError{io.EOF}
}

// A full function is refused in the words of the function's own server (contract
// of OpenFaaS' watchdog), counted, and nothing stays under way.
func TestFullFunction_IsRefusedInTheFunctionServersWords(t *testing.T) {
	r := open(t, echo)
	r.g.cfg.Provider = full{r.p}
	for range 2 {
		res, body := r.raw(t, "POST /function/echo/x HTTP/1.1\r\nHost: h\r\nX-Call-Id: mine\r\nContent-Length: 4\r\n\r\nbody")
		if res.StatusCode != 429 || body != "Concurrent request limit exceeded. Max concurrent requests: 3\n" || res.Close {
			t.Errorf("%v %q", res, body)
		}
		for name, want := range map[string]string{"Content-Type": "text/plain", "Retry-After": "1", internalHeader: "faas-middleware", "X-Call-Id": "mine", "X-Served-By": "fnstore/1.2.3"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
	m := httptest.NewRecorder()
	r.g.Metrics().ServeHTTP(m, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(m.Body.String(), `gateway_function_invocation_total{code="429",function_name="echo.openfaas-fn"} 2`) || r.g.inflight.Load() != 0 || r.g.metrics.of("echo").open.Load() != 0 {
		t.Errorf("%d under way, counted %s", r.g.inflight.Load(), m.Body)
	}
}

// placed counts the calls that have a place.
type placed struct {
	*provider
	freed chan struct{}
}

func (p placed) Acquire(ctx context.Context, name string) (http.RoundTripper, func(), error) {
	to, _, err := p.provider.Acquire(ctx, name)
	return to, func() {
		select {
		case p.freed <- struct{}{}:
		default:
		}
	}, err
}

// A place is free before the client has the end of the answer: its next call
// finds it.
func TestPlace_IsFreeBeforeTheAnswerEnds(t *testing.T) {
	for name, length := range map[string]int{"short": 100, "long": maxBuffered + 1, "none": 0} {
		t.Run(name, func(t *testing.T) {
			r := open(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", length)) })
			freed := make(chan struct{}, 1)
			// It is looked at when the last part of the answer is written.
			h := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				r.g.ServeHTTP(&watched{w, length, freed, t}, q)
			})
			r.g.cfg.Provider = placed{r.p, freed}
			srv := httptest.NewServer(h)
			defer srv.Close()
			res, err := http.Get(srv.URL + "/function/echo")
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(res.Body); err != nil || len(b) != length {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
}

type watched struct {
	http.ResponseWriter
	left  int
	freed chan struct{}
	t     *testing.T
}

func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *watched) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left == 0 && len(w.freed) == 0 {
		w.t.Error("the end is written, and the place is taken")
	}
	return w.ResponseWriter.Write(b)
}

// The call of a client that has gone ends. net/http watches the connection while
// nothing has come of a next request.
func TestGoneClient_EndsItsCall(t *testing.T) {
	for how, leave := range map[string]func(c *net.TCPConn){
		"closes":        func(c *net.TCPConn) { _ = c.Close() },
		"resets":        func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
		"ends its side": func(c *net.TCPConn) { _ = c.CloseWrite() },
	} {
		for kind, request := range map[string]string{
			"GET":       "GET /function/echo HTTP/1.1\r\nHost: h\r\n\r\n",
			"POST":      "POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
			"half sent": "POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\nbody",
		} {
			t.Run(kind+" "+how, func(t *testing.T) {
				begun, ended := make(chan struct{}), make(chan struct{})
				r := open(t, func(_ http.ResponseWriter, q *http.Request) {
					close(begun)
					_, _ = io.Copy(io.Discard, q.Body)
					<-q.Context().Done()
					close(ended)
				})
				c, err := net.Dial("tcp", r.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, request); err != nil {
					t.Fatal(err)
				}
				within(t, "the call", begun)
				leave(c.(*net.TCPConn))
				within(t, "its end", ended)
			})
		}
	}
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func within(t *testing.T, what string, event <-chan struct{}) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(patience):
		t.Fatalf("%s does not come within %s", what, patience)
	}
}
