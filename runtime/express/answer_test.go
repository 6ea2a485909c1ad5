package express

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
)

func TestWhichAnswersArePlain(t *testing.T) {
	for _, c := range []struct {
		answer string
		want   verdict
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", plain},
		{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", plain},
		{"HTTP/1.1 204 No Content\r\n\r\n", plain},
		{"HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", plain},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", plain},
		{"", more}, {"HTTP/1.1 200 OK\r\nConte", more},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", more},
		{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok", odd},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nok", odd},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", odd},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", odd},
		{"HTTP/1.1 200 OK\r\n\r\nuntil it closes", odd},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", odd}, // a part of a stream
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n", odd},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-After: y\r\n\r\n", odd},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK", odd},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n", odd},
		{"HTTP/1.1 200 OK\r\nTrailer: X\r\nContent-Length: 2\r\n\r\nok", odd},
		{"HTTP/1.1 200 OK\r\nConnection: X-Secret\r\nContent-Length: 2\r\n\r\nok", odd},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", odd},
		{"HTTP/1.1 304 Not Modified\r\n\r\n", odd}, {"HTTP/1.1 101 Switching\r\n\r\n", odd}, {"HTTP/1.1 100 Continue\r\n\r\n", odd},
		{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", odd}, {"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok", odd},
		{"HTTP/1.1 600 x\r\nContent-Length: 2\r\n\r\nok", odd}, {"garbage\r\n\r\n", odd},
		{"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok", odd},
		{strings.Repeat("x", MaxRequest+1), odd},
	} {
		var a Answer
		if got := a.read([]byte(c.answer)); got != c.want {
			t.Errorf("%.100q: %v, want %v", c.answer, got, c.want)
		}
	}
}

// What is taken for a whole answer is the same to net/http, to its last byte.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nok", "HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 500\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a Answer
		if a.read(b) != plain {
			return
		}
		in := bufio.NewReader(bytes.NewReader(b))
		res, err := http.ReadResponse(in, &http.Request{Method: "POST"})
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || in.Buffered() > 0 {
			t.Fatalf("%q: %v, %d bytes are left", b, err, in.Buffered())
		}
		want := a.Body
		if a.Chunked {
			if want, err = io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(a.Body))); err != nil {
				t.Fatalf("%q: %v", b, err)
			}
		}
		if res.StatusCode != a.Status || res.Close != a.Close || !bytes.Equal(body, want) {
			t.Fatalf("%q: %+v with %q, not %+v", b, res, body, a)
		}
		for _, name := range []string{"Connection", "Content-Length"} {
			delete(res.Header, name)
		}
		same(t, b, a.Fields, res.Header)
	})
}
