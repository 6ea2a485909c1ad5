package express

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

func get(target string, headers ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

func TestWhatIsPlain(t *testing.T) {
	post := func(head, body string) string { return "POST /a HTTP/1.1\r\nHost: h\r\n" + head + "\r\n" + body }
	for _, c := range []struct {
		request string
		n       int
		more    bool
	}{
		{get("/a"), len(get("/a")), false},
		{get("/a") + "rest", len(get("/a")), false},
		{post("Content-Length: 3\r\n", "abcd"), len(post("Content-Length: 3\r\n", "abc")), false},
		{post("Content-Length: 3\r\n", "ab"), 0, true},
		{post("Content-Length: 16384\r\n", "ab"), 0, false},
		{post("Content-Length: 3", ""), 0, false},
		{"GET /a HT", 0, false},
		{get("/b"), 0, false}, // not below the prefix
		{get("/a", "Connection: close"), len(get("/a", "Connection: close")), false},
		{get("/a", "Connection: upgrade"), 0, false},
		{get("/a", "Connection: Keep-Alive"), len(get("/a", "Connection: Keep-Alive")), false},
		{get("/a", "TE: trailers"), 0, false},
		{get("/a", "Host: h"), 0, false},
	} {
		var q Request
		if n, more := q.Read([]byte(c.request), "/a"); n != c.n || more != c.more {
			t.Errorf("%.80q: %d %v, want %d %v", c.request, n, more, c.n, c.more)
		}
	}
}

// What is taken for plain is one request to net/http, to its last byte, and says
// the same there.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{get("/a"), get("/a") + get("/b"), get("/a", "Connection: close"), get("/a", "X: y", " z"), get("/a", "A:b", "a: c"),
		"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET", "GET /a HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", "GET /a HTTP/1.1\r\nHost: [::1]:1\r\n\r\n",
		get("/a", "Content-Length: 0"), get("/a", "Content-Length: 00001"), get("/a", "X:\t y \t"), get("/a?b=%zz")} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var q Request
		n, more := q.Read(b, "/")
		if n > 0 && more || n > len(b) {
			t.Fatalf("%q: %d of %d, %v", b, n, len(b), more)
		}
		if n == 0 {
			return
		}
		from := bytes.NewReader(b[:n])
		in := bufio.NewReaderSize(from, MaxRequest)
		r, err := http.ReadRequest(in)
		if err != nil {
			if path, _, _ := bytes.Cut(q.Target, []byte{'?'}); bytes.IndexByte(path, '%') >= 0 {
				return // an escape that is none: the loop's carriers take none at all
			}
			t.Fatalf("%q: %v", b[:n], err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || in.Buffered()+from.Len() > 0 || !bytes.Equal(body, q.Body) {
			t.Fatalf("%q: %v, %d bytes are left, %q", b[:n], err, in.Buffered()+from.Len(), body)
		}
		if r.Host != string(q.Host) || r.Method != string(q.Method) || r.RequestURI != string(q.Target) || r.Close != q.Close || len(r.TransferEncoding) > 0 ||
			!strings.HasPrefix(r.RequestURI, "/") || r.ProtoMinor != 1 {
			t.Fatalf("%q is not plain: %+v", b[:n], r)
		}
		for _, name := range []string{"Upgrade", "Expect", "Te", "Trailer", "Transfer-Encoding", "Proxy-Connection"} {
			if _, ok := r.Header[name]; ok {
				t.Fatalf("%q has %s", b[:n], name)
			}
		}
		for _, v := range r.Header["Connection"] {
			if !strings.EqualFold(v, "keep-alive") && !strings.EqualFold(v, "close") {
				t.Fatalf("%q has Connection: %s", b[:n], v)
			}
		}
		delete(r.Header, "Connection")
		delete(r.Header, "Content-Length")
		same(t, b[:n], q.Fields, r.Header)
		for i, c := range b[:n-len(body)] {
			if c == '\n' && b[i-1] != '\r' || c == '\r' && b[i+1] != '\n' {
				t.Fatalf("%q has a bare CR or LF in its head", b[:n])
			}
		}
	})
}

// same fails when the fields are not those of the header.
func same(t *testing.T, b []byte, fields []Field, h http.Header) {
	t.Helper()
	got := http.Header{}
	for _, f := range fields {
		name := textproto.CanonicalMIMEHeaderKey(string(f.Name))
		got[name] = append(got[name], string(f.Value))
	}
	if !maps.EqualFunc(got, h, slices.Equal) {
		t.Fatalf("%q\nis read as %v\nby net/http as %v", b, got, h)
	}
}
