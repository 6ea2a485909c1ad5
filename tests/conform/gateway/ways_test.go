package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Whether a loop carries a call or not, the function sees the same request and
// the client the same answer.
func TestBothWaysAreTheSame(t *testing.T) {
	answers := map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n\r\nok",
		"untyped": "HTTP/1.1 418 Tea\r\nContent-Length: 2\r\n\r\nok",
		"empty":   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"204":     "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
		"304":     "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
		"599":     "HTTP/1.1 599 Odd\r\nContent-Length: 1\r\n\r\nx",
		"chunks":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3\r\nabc\r\n0\r\n\r\n",
		"trailer": "HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
		"long":    "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000),
		"open":    "HTTP/1.1 200 OK\r\nContent-Type: text/y\r\n\r\nuntil it closes",
		"hop":     "HTTP/1.1 200 OK\r\nKeep-Alive: x\r\nProxy-Authenticate: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		"names":   "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n",
		"forged":  "HTTP/1.1 200 OK\r\nX-Call-Id: me\r\nX-Served-By: me\r\nX-Start-Time: 1\r\nX-OpenFaaS-Internal: proxy\r\nContent-Length: 0\r\n\r\n",
		"marked":  "HTTP/1.1 429 Too\r\nX-OpenFaaS-Internal: faas-middleware\r\nRetry-After: 1\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
		"hint":    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"utf-8":   "HTTP/1.1 200 OK\r\nX-A: \xc3\xa4\r\nContent-Length: 0\r\n\r\n",
		"none":    "",
		"twice":   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
	}
	functions := map[string]http.RoundTripper{}
	for name, says := range answers {
		functions[name] = lasting(t, says)
	}
	r := open(t, functions)
	other := r.serve(t, nil)
	call := func(method, target, head string) string {
		return method + " " + target + " HTTP/1.1\r\nHost: h:80\r\n" + head + "\r\n"
	}
	var requests []string
	for name := range answers {
		for _, method := range []string{"GET", "POST", "HEAD", "DELETE"} {
			requests = append(requests, call(method, "/function/"+name, ""))
		}
		requests = append(requests, call("POST", "/function/"+name, "Content-Type: text/z\r\nContent-Length: 3\r\n")+"abc")
	}
	for _, target := range []string{"", "/", "?", "?a=b&c=%2f", "/a/b/?q", "/a.b/c..d/~", ".openfaas-fn", ".openfaas-fn/x?y=/../z", ".other", "x", "/a%20b", "//", "/./", "/;x"} {
		requests = append(requests, call("GET", "/function/echo"+target, ""), call("PUT", "/function/echo"+target, "Content-Length: 3\r\n")+"abc")
	}
	for _, head := range []string{
		"User-Agent:\r\n", "user-agent: x\r\n", "X-Call-Id: mine\r\n", "X-Call-Id: a\r\nX-Call-Id: b\r\n", "X-Call-Id: not/good\r\n",
		"Authorization: Basic YWRtaW46eA==\r\n", "Authorization: basic YWRtaW46eA==\r\n", "Authorization: Basic dXNlcjp4\r\n", "Authorization: Bearer x\r\n",
		"Authorization: Bearer x\r\nAuthorization: Basic YWRtaW46eA==\r\n", "Authorization: Basic YWRtaW46eA==\r\nAuthorization: Bearer x\r\n",
		"Connection: keep-alive\r\n", "Content-Length: 0\r\n", "X-Timeout: 1s\r\nTraceparent: x\r\nCookie: a=b\r\nCookie: c\r\n", "X-Fnstore-Signature: x\r\n",
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			requests = append(requests, call(method, "/function/echo/h", head))
		}
	}
	for _, row := range table(t, "headers.txt") {
		requests = append(requests, call("GET", "/function/echo/h", row.cells[0]+"\r\n"))
	}
	for _, row := range table(t, "paths.txt") {
		requests = append(requests, call("GET", row.cells[0], ""))
	}
	alike := 0
	for _, request := range requests {
		before := r.carried.Load()
		got, saw := told(first(t, r.addr, request)), plainly(r.take())
		if r.carried.Load() > before {
			alike++
		}
		want, sees := told(first(t, other, request)), plainly(r.take())
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(saw, sees) {
			t.Errorf("%.300q\ncarried: %.600v\n         %.600v\nelse:    %.600v\n         %.600v", request, saw, got, sees, want)
		}
	}
	t.Logf("%d requests, %d of them carried", len(requests), alike)
	if alike < len(requests)/3 {
		t.Errorf("%d of %d requests were carried", alike, len(requests))
	}
}

// lasting is the transport of a function that answers every request with the same
// bytes, and ends a connection only where they say so: what it ended by surprise
// would be found out by one of the ways, and not by the other.
func lasting(t *testing.T, says string) http.RoundTripper {
	t.Helper()
	return saying(t, func(c net.Conn, q *http.Request, more *bufio.Reader) {
		for err := error(nil); err == nil; q, err = http.ReadRequest(more) {
			_, _ = io.Copy(io.Discard, q.Body)
			_, _ = fmt.Fprint(c, says)
			if says == "" || q.Method != http.MethodHead && strings.HasSuffix(says, "until it closes") {
				return
			}
		}
	})
}

// first gives the first answer.
func first(t *testing.T, addr, request string) (list []answer) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, request) // it may be refused half way
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(res.Body)
	return []answer{{res.StatusCode, res.Header, body, err == nil}}
}

// changing are the headers that no two calls have in common.
var changing = []string{"X-Call-Id", "X-Start-Time", "Date", "X-Forwarded-For"}

func plainly(list []seen) []seen {
	for i := range list {
		if id := list[i].Header.Get("X-Call-Id"); id != "mine" && id != "" {
			list[i].Header.Set("X-Call-Id", "made")
		}
		for _, name := range changing[1:] {
			if _, ok := list[i].Header[name]; ok {
				list[i].Header[name] = []string{"is there"}
			}
		}
	}
	return list
}

// told is what a client can tell of its answers.
func told(list []answer) (out []string) {
	for _, a := range list {
		for _, name := range changing {
			if v := a.header[name]; len(v) == 1 && v[0] != "mine" {
				a.header[name] = []string{"one"}
			}
		}
		body := string(a.body)
		if strings.Contains(body, "call_id") { // a problem
			body, _, _ = strings.Cut(body, "call_id")
		}
		if strings.Contains(body, "X-Start-Time") { // echo's, which is looked at by itself
			body = "an echo"
		}
		if body == "an echo" || strings.HasPrefix(body, `{"type"`) {
			a.header.Del("Content-Length")
		}
		out = append(out, fmt.Sprint(a.status, a.header, body, a.whole))
	}
	return out
}
