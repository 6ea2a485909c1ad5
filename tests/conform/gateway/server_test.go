package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"fnstore/template/golang-middleware/server"
)

// served is a function behind the function server of the template.
func served(t *testing.T, env map[string]string, h http.HandlerFunc) http.RoundTripper {
	t.Helper()
	l, to := socket(t)
	ctx, end := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() {
		over <- server.Run(ctx, server.Options{Handler: h, Listen: l, Stdout: io.Discard, Lookup: func(name string) (string, bool) {
			if name == "TMPDIR" {
				return t.TempDir(), true
			}
			v, ok := env[name]
			return v, ok
		}})
	}()
	t.Cleanup(func() {
		end()
		<-over
	})
	return to
}

// All that the gateway takes of headers, the function server takes as well, with
// what the gateway adds.
func TestHeaders_ReachTheFunctionServer(t *testing.T) {
	const most = 64 << 10
	r := open(t, map[string]http.RoundTripper{"real": served(t, nil, func(w http.ResponseWriter, q *http.Request) {
		fmt.Fprint(w, len(q.Header.Get("X-Pad")), len(q.Host), len(q.Header.Get("X-Forwarded-Host")))
	})})
	for _, host := range []string{"h", strings.Repeat("h", 20_000)} {
		for _, size := range []int{40 << 10, most - 100, most} {
			for _, body := range []int{0, 9000} {
				head := fmt.Sprintf("POST /function/real HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\nX-Pad: ", host, body)
				pad := size - (len(head) - len(" HTTP/1.1\r\nHost: \r\n") - 1 + len("\r\n") + len(host))
				a := r.send(t, head+strings.Repeat("x", pad)+"\r\n\r\n"+strings.Repeat("b", body))
				if want := fmt.Sprint(pad, len(host), len(host)); len(a) != 1 || a[0].status != 200 || string(a[0].body) != want {
					t.Fatalf("%d bytes, %d of them the host, %d of a body: %+v, want %s", size, len(host), body, a, want)
				}
			}
		}
	}
}

// A place of max_inflight is free for the next call of who has just had an answer:
// neither the gateway nor the function server refuses it.
func TestKeptConnection_FindsItsPlaceAgain(t *testing.T) {
	r := open(t, map[string]http.RoundTripper{"one": served(t, map[string]string{"max_inflight": "1"}, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(w, q.Body)
	})})
	c := r.dial(t)
	in := bufio.NewReader(c)
	for i := range 200 {
		_, _ = io.WriteString(c, "POST /function/one HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 200 || string(body) != "body" {
			t.Fatalf("call %d: %d %q %v", i, res.StatusCode, body, err)
		}
	}
}
