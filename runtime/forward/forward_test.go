package forward

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// rig counts the connections to a server.
type rig struct {
	*Server
	dialled atomic.Int64
}

func to(t *testing.T, addr string) *rig {
	t.Helper()
	r := new(rig)
	r.Server = To(func(ctx context.Context) (net.Conn, error) {
		r.dialled.Add(1)
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	})
	t.Cleanup(r.Close)
	return r
}

func serve(t *testing.T, h http.HandlerFunc) *rig {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return to(t, srv.Listener.Addr().String())
}

func (r *rig) call(t *testing.T, ctx context.Context, method, body string) (*http.Response, string, error) {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://function/a%2Fb?c=1", in)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res, string(b), err
}

func echo(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	if r.Header.Get("X-Flush") != "" {
		_ = http.NewResponseController(w).Flush()
	}
	fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, b)
}

func TestForward_CallsShareOneConnection(t *testing.T) {
	r := serve(t, echo)
	for _, body := range []string{"", "x", strings.Repeat("y", inline), strings.Repeat("long", 1<<20), "", "z"} {
		for _, method := range []string{"GET", "POST", "HEAD", "DELETE"} {
			want := method + " /a%2Fb?c=1 " + body
			if method == "HEAD" {
				want = ""
			}
			if res, got, err := r.call(t, t.Context(), method, body); err != nil || res.StatusCode != 200 || got != want {
				t.Fatalf("%s: %v %.80q %v", method, res, got, err)
			}
		}
	}
	if n := r.dialled.Load(); n != 1 {
		t.Errorf("%d connections for calls in a row", n)
	}
}

func TestForward_ManyCallsAtOnceDoNotMix(t *testing.T) {
	r := serve(t, echo)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 100 {
				body := fmt.Sprint(i, " ", j)
				if _, got, err := r.call(t, t.Context(), "POST", body); err != nil || got != "POST /a%2Fb?c=1 "+body {
					t.Errorf("%q %v", got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// A server that closes a connection between calls costs a dial and no call.
func TestForward_AClosedConnectionIsNotUsed(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(echo))
	defer srv.Close()
	r := to(t, srv.Listener.Addr().String())
	for range 3 {
		if _, _, err := r.call(t, t.Context(), "POST", "x"); err != nil {
			t.Fatal(err)
		}
		srv.CloseClientConnections()
	}
	if n := r.dialled.Load(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

// raw serves each connection with what say writes after each request.
func raw(t *testing.T, say func(n int, c net.Conn)) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for n := 0; ; n++ {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					say(n, c)
				}
			}()
		}
	}()
	return to(t, l.Addr().String())
}

// What comes behind an answer is never the next call's.
func TestForward_ASecondAnswerIsNobodys(t *testing.T) {
	r := raw(t, func(_ int, c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
	})
	for range 20 {
		if _, got, err := r.call(t, t.Context(), "GET", ""); err != nil || got != "ok" {
			t.Fatalf("%q %v", got, err)
		}
	}
}

func TestForward_AnswersThatAreNoneAreErrors(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\n"
	for name, says := range map[string]string{
		"an endless head": ok + strings.Repeat("X: "+strings.Repeat("a", 1000)+"\r\n", 4<<10),
		"garbage":         "hello\r\n\r\n",
		"many hints":      strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", maxHints+1),
		"an upgrade":      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"two lengths":     ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	} {
		r := raw(t, func(_ int, c net.Conn) { _, _ = io.WriteString(c, says) })
		if _, got, err := r.call(t, t.Context(), "GET", ""); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	r := raw(t, func(_ int, c net.Conn) {
		_, _ = io.WriteString(c, strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", maxHints)+ok+"Content-Length: 2\r\n\r\nok")
	})
	if _, got, err := r.call(t, t.Context(), "GET", ""); err != nil || got != "ok" {
		t.Errorf("behind hints: %q %v", got, err)
	}
	r = raw(t, func(_ int, c net.Conn) { _, _ = io.WriteString(c, ok+"Content-Length: 9\r\n\r\nshort"); _ = c.Close() })
	if _, got, err := r.call(t, t.Context(), "GET", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short body: %q %v", got, err)
	}
	r = raw(t, func(_ int, c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nuntil the end")
		_ = c.Close()
	})
	if _, got, err := r.call(t, t.Context(), "GET", ""); err != nil || got != "until the end" {
		t.Errorf("HTTP/1.0: %q %v", got, err)
	}
}
