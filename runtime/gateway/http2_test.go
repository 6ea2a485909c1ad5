package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// Over HTTP/2 a call is what it is over HTTP/1.1. What ends a connection there
// ends a stream here: the other calls of the client go on.
func TestHTTP2_CallsPassAsOverHTTP1(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/early": // answers before the body's end
			w.WriteHeader(http.StatusTeapot)
		case "/cut":
			_, _ = io.WriteString(w, strings.Repeat("x", maxBuffered+1))
			panic(http.ErrAbortHandler)
		case "/trailer":
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, "body")
			_ = http.NewResponseController(w).Flush()
			w.Header().Set(http.TrailerPrefix+"X-Late", "1")
		default:
			echo(w, q)
		}
	})
	srv := httptest.NewUnstartedServer(r.g)
	srv.Listener = CutStalled(srv.Listener, patience)
	srv.EnableHTTP2 = true
	var connections atomic.Int64
	srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { connections.Add(1); return ctx }
	srv.StartTLS()
	defer srv.Close()
	client := srv.Client()
	call := func(method, path string, body io.Reader) (*http.Response, string, error) {
		t.Helper()
		q, err := http.NewRequest(method, srv.URL+"/function/echo"+path, body)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("X_Forwarded_For", "forged")
		q.Header.Set("X-Forwarded-For", "forged")
		res, err := client.Do(q)
		if err != nil {
			t.Fatal(method, path, err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if res.ProtoMajor != 2 {
			t.Error(res.Proto)
		}
		return res, string(b), err
	}
	for range 2 {
		for _, body := range []io.Reader{nil, strings.NewReader("short"), bytes.NewReader(make([]byte, maxShort)), bytes.NewReader(make([]byte, 1<<20)), io.MultiReader(strings.NewReader("no length"))} {
			res, b, err := call("POST", "/a%2Fb?c=1", body)
			var s seen
			if err != nil || res.StatusCode != 200 || json.Unmarshal([]byte(b), &s) != nil || s.URI != "/a%2Fb?c=1" {
				t.Fatalf("%d %.200s %v", res.StatusCode, b, err)
			}
			if h := s.Header; h.Get("X-Forwarded-Proto") != "https" || strings.Contains(fmt.Sprint(h), "forged") || s.Host != srv.Listener.Addr().String() {
				t.Errorf("%s %v", s.Host, h)
			}
		}
		if res, _, err := call("POST", "/early", bytes.NewReader(make([]byte, 1<<20))); err != nil || res.StatusCode != http.StatusTeapot {
			t.Errorf("%d %v", res.StatusCode, err)
		}
		if _, b, err := call("GET", "/cut", nil); err == nil {
			t.Errorf("%d bytes, and no error", len(b))
		}
		res, b, err := call("GET", "/trailer", nil)
		if err != nil || b != "body" || res.Header.Get("Connection") != "" || res.Trailer.Get("X-Late") != "1" {
			t.Errorf("%q %v %v %v", b, res.Header, res.Trailer, err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
