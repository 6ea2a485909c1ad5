package gateway

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// hostile serves a function that reads a request's head and says what say does.
func hostile(t *testing.T, say func(net.Conn)) *rig {
	t.Helper()
	return open(t, map[string]http.RoundTripper{"bad": saying(t, func(c net.Conn, _ *http.Request, _ *bufio.Reader) { say(c) })})
}

// saying is such a function.
func saying(t *testing.T, say func(c net.Conn, q *http.Request, more *bufio.Reader)) http.RoundTripper {
	t.Helper()
	l, to := socket(t)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				more := bufio.NewReader(c)
				if q, err := http.ReadRequest(more); err == nil {
					say(c, q, more)
				}
			}()
		}
	}()
	return to
}

const callBad = "GET /function/bad HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

// Whatever a function says, its caller gets one answer that can be read, or a
// connection that visibly ends too early; and the gateway goes on.
func TestHostile_Answers(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		says string
		want int // 0: the answer is visibly cut off
		code string
	}{
		"nothing":                    {"", 502, "function_unreachable"},
		"garbage":                    {"\x00\xff garbage \r\n\r\n", 502, "function_unreachable"},
		"a head that ends early":     {ok + "X-A: 1", 502, "function_unreachable"},
		"a header of 1 MiB":          {ok + "X-A: " + strings.Repeat("a", 1<<20) + "\r\nContent-Length: 0\r\n\r\n", 502, "function_headers_too_large"},
		"10000 headers":              {ok + strings.Repeat("X-A: aaaaaaaa\r\n", 10000) + "Content-Length: 0\r\n\r\n", 502, "function_headers_too_large"},
		"headers of 16 MiB":          {ok + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 16<<10) + "\r\n", 502, "function_headers_too_large"},
		"a header without a colon":   {ok + "no colon\r\n\r\n", 502, "function_unreachable"},
		"a space in a name":          {ok + "X A: 1\r\nContent-Length: 0\r\n\r\n", 200, ""},
		"two lengths":                {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 502, "function_unreachable"},
		"a negative length":          {ok + "Content-Length: -1\r\n\r\n", 502, "function_unreachable"},
		"an unknown transfer coding": {ok + "Transfer-Encoding: gzip\r\n\r\n", 502, "function_unreachable"},
		"status 0":                   {"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n", 502, "function_bad_answer"},
		"status 42":                  {"HTTP/1.1 042 Low\r\nContent-Length: 0\r\n\r\n", 502, "function_bad_answer"},
		"status 1000":                {"HTTP/1.1 1000 High\r\nContent-Length: 0\r\n\r\n", 502, "function_unreachable"},
		"an upgrade nobody asked":    {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 502, "function_unreachable"},
		"100 without an end":         {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 1000), 502, "function_unreachable"},
		"a body that ends early":     {ok + "Content-Length: 1000000\r\n\r\nshort", 0, ""},
		"a short body that ends so":  {ok + "Content-Length: 10\r\n\r\nshort", 502, "function_unreachable"},
		"chunks that are none":       {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", 0, ""},
		"a second answer":            {ok + "Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 200, ""},
		"hop-by-hop headers":         {ok + "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: x\r\nProxy-Authenticate: x\r\nContent-Length: 0\r\n\r\n", 200, ""},
		"the gateway's own word":     {ok + "X-OpenFaaS-Internal:  Proxy \r\nContent-Length: 0\r\n\r\n", 200, ""},
		"another call's id":          {ok + "X-Call-Id: forged\r\nX-Call-Id: twice\r\nX-Served-By: me\r\nX-Start-Time: 1\r\nContent-Length: 0\r\n\r\n", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := hostile(t, func(conn net.Conn) { _, _ = io.WriteString(conn, c.says) })
			answers := r.send(t, callBad)
			if c.want == 0 { // nothing at all, or less than was announced
				if len(answers) > 1 || len(answers) == 1 && answers[0].whole {
					t.Errorf("%+v", answers)
				}
				return
			}
			if len(answers) != 1 || answers[0].status != c.want {
				t.Fatalf("%+v, want %d", answers, c.want)
			}
			a := answers[0]
			if c.code != "" {
				var p struct {
					Code   string `json:"code"`
					CallID string `json:"call_id"`
				}
				if json.Unmarshal(a.body, &p) != nil || p.Code != c.code || p.CallID == "" || a.header.Get("X-OpenFaaS-Internal") != "proxy" {
					t.Errorf("%.200s %v, want %s", a.body, a.header, c.code)
				}
			} else if v := a.header.Get("X-OpenFaaS-Internal"); v != "" {
				t.Errorf("marked %q", v)
			}
			for _, gone := range []string{"X A", "X-Hop", "Keep-Alive", "Proxy-Authenticate"} {
				if a.header.Get(gone) != "" {
					t.Errorf("%s came through", gone)
				}
			}
			if ids := a.header["X-Call-Id"]; len(ids) != 1 || ids[0] == "forged" || a.header.Get("X-Served-By") == "me" {
				t.Errorf("ids %q, served by %q", ids, a.header.Get("X-Served-By"))
			}
			r.take()
			if after := r.send(t, "GET /function/echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); len(after) != 1 || after[0].status != 200 {
				t.Errorf("echo does not answer any more: %v", after)
			}
		})
	}
}

// The mark of a function's own server, on its 429 and 504, goes through: clients
// of OpenFaaS read it.
func TestHostile_TheFunctionServersMarkStays(t *testing.T) {
	r := hostile(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 429 Too Many Requests\r\nX-OpenFaaS-Internal: faas-middleware\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
	})
	a := r.send(t, callBad)
	if len(a) != 1 || a[0].status != 429 || a[0].header.Get("X-OpenFaaS-Internal") != "faas-middleware" || a[0].header.Get("Retry-After") != "1" {
		t.Errorf("%+v", a)
	}
}

// A function that writes without end stops when its caller leaves.
func TestHostile_AnEndlessAnswerEndsWithItsCaller(t *testing.T) {
	over := make(chan struct{})
	r := hostile(t, func(c net.Conn) {
		defer close(over)
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for chunk := make([]byte, 1<<20); err == nil; {
			_, err = c.Write(chunk)
		}
	})
	c := r.dial(t)
	if _, err := io.WriteString(c, callBad); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, c, 16<<20); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	wait(t, "the end of what the function writes", over)
}
