package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// connection is a client's, on which a hang is a failure.
type connection struct {
	*net.TCPConn
	in *bufio.Reader
}

func (r *rig) dial(t *testing.T) *connection {
	t.Helper()
	c, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &connection{c.(*net.TCPConn), bufio.NewReader(c)}
}

func (c *connection) writeLine(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

// hears reads an answer with this status, and gives its body.
func (c *connection) hears(t *testing.T, status int) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		t.Fatalf("%d %.200q %v, want %d", res.StatusCode, body, err, status)
	}
	return res, string(body)
}

// noticing is a provider that tells of each call.
type noticing struct {
	*provider
	acquired chan struct{}
}

func (p noticing) Acquire(ctx context.Context, name string) (http.RoundTripper, func(), error) {
	p.acquired <- struct{}{}
	return p.provider.Acquire(ctx, name)
}

// The function hears of a request when a short body is whole: what waits for the
// client's last byte holds neither a replica nor a connection.
func TestShortBody_IsReadBeforeAReplicaIsAcquired(t *testing.T) {
	for name, rest := range map[string]string{
		"a length":        "Content-Length: 15\r\n\r\n",
		"the longest":     fmt.Sprintf("Content-Length: %d\r\n\r\n", maxShort) + strings.Repeat("x", maxShort-15),
		"100-continue":    "Expect: 100-continue\r\nContent-Length: 15\r\n\r\n",
		"a signed length": "X-Fnstore-Signature: x\r\nContent-Length: 15\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, echo)
			acquired := make(chan struct{}, 1)
			r.g.cfg.Provider = noticing{r.p, acquired}
			c := r.dial(t)
			c.writeLine(t, "POST /function/echo HTTP/1.1\r\nHost: h\r\n"+rest+"fourteen bytes")
			if strings.HasPrefix(name, "100") {
				if res, err := http.ReadResponse(c.in, nil); err != nil || res.StatusCode != 100 {
					t.Fatal(res, err)
				}
			}
			for begun := time.Now(); r.g.inflight.Load() == 0 && time.Since(begun) < patience; {
				time.Sleep(time.Millisecond)
			}
			r.do(t, "GET", "/healthz", "", false) // a call that does not wait goes on meanwhile
			if len(acquired) > 0 {
				t.Error("a replica was acquired for a body that is not whole")
			}
			c.writeLine(t, "!")
			if _, body := c.hears(t, 200); !strings.Contains(body, "fourteen bytes!") {
				t.Errorf("%.100q", body)
			}
			within(t, "the replica", acquired)
		})
	}
}

// CRLF behind a body is no request (RFC 9112 section 2.2).
func TestBody_MayBeFollowedByCRLF(t *testing.T) {
	r := open(t, echo)
	c := r.dial(t)
	for range 3 {
		c.writeLine(t, "POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody\r\n")
		c.hears(t, 200)
	}
	c.writeLine(t, "GET /function/echo HTTP/1.1\r\nHost: h\r\n\r\n")
	c.hears(t, 200)
}

// What the client did not say reaches the function as not said.
func TestHeaders_AreNotInvented(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, q *http.Request) {
		_, agent := q.Header["User-Agent"]
		_, host := q.Header["X-Forwarded-Host"]
		fmt.Fprint(w, agent, host, q.Host)
	})
	for request, want := range map[string]string{
		"GET /function/echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n":                        "false trueh",
		"GET /function/echo HTTP/1.0\r\n\r\n":                                                        "false false",
		"GET /function/echo HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n":                          "false false",
		"GET /function/echo HTTP/1.0\r\nUser-Agent: x\r\nHost: h\r\n\r\n":                            "true trueh",
		"GET /function/echo HTTP/1.1\r\nHost: h\r\nUser-Agent:\r\nConnection: close\r\n\r\n":         "true trueh",
		"GET /function/echo//x HTTP/1.0\r\n\r\n":                                                     "false false",
		"POST /function/echo HTTP/1.0\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000): "false false",
	} {
		if res, body := r.raw(t, request); res.StatusCode != 200 || body != want {
			t.Errorf("%.60q: %d %q, want %q", request, res.StatusCode, body, want)
		}
	}
}

// A program that gets headers as CGI variables cannot tell '_' from '-'.
func TestHeaders_ThatCGIFoldsAreDroppedAsTheirTwins(t *testing.T) {
	r := open(t, echo)
	dropped := []string{"X_Forwarded_For", "x_forwarded-proto", "X-Forwarded_Host", "X_Call_Id", "X-Call_Id", "x_real_ip", "X_OpenFaaS_Internal", "X_Function_Name",
		"X_Start_Time", "Transfer_Encoding", "Content_Length", "Content_Type", "X_Fnstore_Signature", "Keep_Alive", "Proxy_Authorization"}
	passed := []string{"X_Custom", "X-Forwarde_D", "Under_Score-Dash"}
	var head strings.Builder
	for _, name := range append(dropped, passed...) {
		head.WriteString(name + ": forged\r\n")
	}
	_, body := r.raw(t, "GET /function/echo HTTP/1.1\r\nHost: h\r\n"+head.String()+"\r\n")
	var s seen
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	for name, values := range s.Header {
		if values[0] == "forged" && !strings.Contains(strings.ToLower(strings.Join(passed, " ")), strings.ToLower(name)) {
			t.Errorf("%s reached the function", name)
		}
	}
	for _, name := range passed {
		if s.Header.Get(name) != "forged" {
			t.Errorf("%s did not reach the function", name)
		}
	}
	if !goodCallID(s.Header.Get("X-Call-Id")) || s.Header.Get("X-Forwarded-For") != "127.0.0.1" {
		t.Errorf("%v", s.Header)
	}
}

// Headers of 64 KiB pass both ways, however they arrive, and one byte more does
// not.
func TestHeaders_HaveOneBoundBothWays(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, q *http.Request) {
		var n int
		_, _ = fmt.Sscan(q.URL.Query().Get("n"), &n)
		w.Header()["Date"], w.Header()["X-Call-Id"] = nil, nil
		w.Header().Set("Content-Type", "x")
		w.Header().Set("Content-Length", "0")
		own := len("Content-Type: x\r\nContent-Length: 0\r\n")
		for n > 0 {
			size := min(n, 8000)
			if left := n - size; left > 0 && left < 100 {
				size -= 100
			}
			n -= size
			pad := size - len("X-Pad: \r\n")
			if n == 0 {
				pad -= own
			}
			w.Header().Add("X-Pad", strings.Repeat("x", pad))
		}
	})
	for n, want := range map[int]int{MaxHeaders - 100: 200, MaxHeaders: 200, MaxHeaders + 1: 502, MaxHeaders + 5000: 502, 2*MaxHeaders - 100: 502, 3 * MaxHeaders: 502} {
		for range 5 {
			if res, body := r.raw(t, fmt.Sprintf("GET /function/echo?n=%d HTTP/1.1\r\nHost: h\r\n\r\n", n)); res.StatusCode != want {
				t.Errorf("an answer of %d bytes: %d %s", n, res.StatusCode, body)
			}
		}
	}

	r = open(t, echo)
	for n, want := range map[int]int{MaxHeaders - 100: 200, MaxHeaders: 200, MaxHeaders + 1: 431, MaxHeaders + 2000: 431, MaxHeaders + 5000: 431, 2 * MaxHeaders: 431} {
		line := "POST /function/echo"
		size := n - len(line) + len(" ") - 2*len("h") - len("Content-Length: 9000\r\n") - len("X-Pad: \r\n")
		request := line + " HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\nX-Pad: " + strings.Repeat("x", size) + "\r\n\r\n" + strings.Repeat("b", 9000)
		for _, piece := range []int{len(request), 4096, 5000} {
			c := r.dial(t)
			go func() {
				for rest := request; rest != ""; {
					k := min(piece, len(rest))
					if _, err := io.WriteString(c, rest[:k]); err != nil {
						return // it has been refused
					}
					rest = rest[k:]
				}
			}()
			res, err := http.ReadResponse(c.in, nil)
			if err != nil || res.StatusCode != want {
				t.Errorf("a request of %d bytes in pieces of %d: %v %v, want %d", n, piece, res, err, want)
			}
		}
	}
}

// Trailers pass, whether they were announced or not; what only the gateway may
// say does not.
func TestTrailers_NeedNotBeAnnounced(t *testing.T) {
	for _, body := range []string{"", "short", strings.Repeat("long ", 20000)} {
		r := open(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Announced")
			_, _ = io.WriteString(w, body)
			_ = http.NewResponseController(w).Flush()
			w.Header().Set("X-Announced", "1")
			for _, name := range []string{"X-Late", "X-Call-Id", "X-Openfaas-Internal", "Connection"} {
				w.Header().Set(http.TrailerPrefix+name, "2")
			}
		})
		c := r.dial(t)
		c.writeLine(t, "GET /function/echo HTTP/1.1\r\nHost: h\r\n\r\n")
		res, got := c.hears(t, 200)
		if got != body || len(res.Trailer) != 2 || res.Trailer.Get("X-Announced") != "1" || res.Trailer.Get("X-Late") != "2" {
			t.Errorf("%d bytes, %v", len(got), res.Trailer)
		}
	}
}

// A side that ends its half of a tunnel still hears the other's last words.
func TestWebSocket_HalfCloseLosesNothing(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, q *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		if q.URL.Path == "/first" { // it ends its half first
			_, _ = io.WriteString(c, "I have said all")
			_ = c.(*net.TCPConn).CloseWrite()
			said, err := io.ReadAll(rw)
			if string(said) != "last words" || err != nil {
				t.Errorf("%q %v", said, err)
			}
			return
		}
		said, err := io.ReadAll(rw)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprintf(c, "I have heard %s", said)
	})
	for path, want := range map[string]string{"/first": "I have said all", "/second": "I have heard last words"} {
		c := r.dial(t)
		c.writeLine(t, "GET /function/echo"+path+" HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n")
		if res, err := http.ReadResponse(c.in, nil); err != nil || res.StatusCode != 101 {
			t.Fatal(res, err)
		}
		if path == "/first" { // all that the function says comes before this side ends
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c.in, got); err != nil || string(got) != want {
				t.Fatalf("%q %v", got, err)
			}
			if b, err := c.in.ReadByte(); err != io.EOF {
				t.Errorf("%q %v", b, err)
			}
			want = ""
		}
		c.writeLine(t, "last words")
		_ = c.CloseWrite()
		if got, err := io.ReadAll(c.in); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
}
