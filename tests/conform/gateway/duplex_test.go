package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a connection to the gateway on which a hang is a failure.
func (r *rig) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(within))
	return c
}

// A function may answer each part of a body as it comes: both directions flow
// through the gateway at once.
func TestDuplex_BothDirectionsFlowAtOnce(t *testing.T) {
	fn, to := function(t, func(w http.ResponseWriter, q *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		_ = control.Flush()
		for in := bufio.NewReader(q.Body); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, strings.ToUpper(line))
			_ = control.Flush()
		}
	})
	t.Cleanup(fn.Close)
	r := open(t, map[string]http.RoundTripper{"bad": to})
	c := r.dial(t)
	_, _ = io.WriteString(c, "POST /function/bad HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil) // before a byte of the body
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"one\n", "two\n", "three\n"} {
		_, _ = fmt.Fprintf(c, "%x\r\n%s\r\n", len(word), word)
		got := make([]byte, len(word))
		if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != strings.ToUpper(word) {
			t.Fatalf("%q %v", got, err)
		}
	}
	_, _ = io.WriteString(c, "0\r\n\r\n")
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
}

// When a function answers before it has read the body, the caller gets the
// answer, and what follows of the body is never the next request.
func TestDuplex_TheRestOfABodyIsNoRequest(t *testing.T) {
	inner := "GET /function/other HTTP/1.1\r\nHost: h\r\n\r\n"
	for name, framing := range map[string]string{
		"a long body":           "Content-Length: 200000\r\n\r\n" + strings.Repeat("x", 20000),
		"a body without an end": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			answered := make(chan struct{})
			r := hostile(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
				close(answered)
			})
			c := r.dial(t)
			_, _ = io.WriteString(c, "POST /function/bad HTTP/1.1\r\nHost: h\r\n"+framing)
			wait(t, "the function's answer", answered)
			go func() { _, _ = io.WriteString(c, strings.Repeat(inner, 1000)) }()
			in := bufio.NewReader(c)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			// What follows may be read before the function's answer, and be no chunk.
			soon := res.StatusCode == 413 && string(body) == "big" || res.StatusCode == 400 && strings.Contains(string(body), "body_unreadable")
			if err != nil || !soon || !res.Close {
				t.Errorf("%d %q, closes %t, %v", res.StatusCode, body, res.Close, err)
			}
			if more, err := http.ReadResponse(in, nil); err == nil {
				t.Errorf("a second answer: %d", more.StatusCode)
			}
			r.end()
			r.untouched(t, name, 0)
		})
	}
}
