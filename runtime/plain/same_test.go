package plain

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// say answers in the way that the path names.
func say(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h, control := w.Header(), http.NewResponseController(w)
	h.Set("Content-Type", "text/plain") // this package guesses none
	switch strings.TrimPrefix(r.URL.Path, "/") {
	case "echo":
		h["X-Seen"] = []string{r.Method, r.RequestURI, r.Host, r.Proto, fmt.Sprint(r.ContentLength, len(r.TransferEncoding), r.Header)}
		_, _ = w.Write(body)
	case "nothing":
	case "length":
		h.Set("Content-Length", "5")
		_, _ = io.WriteString(w, "hello")
	case "longer":
		h.Set("Content-Length", "5")
		_, _ = io.WriteString(w, "hel")
		_, err := io.WriteString(w, "lo there")
		h.Set("X-Late", fmt.Sprint(err))
	case "shorter":
		h.Set("Content-Length", "50")
		_, _ = io.WriteString(w, "hello")
	case "long":
		for range 100 {
			_, _ = w.Write(bytes.Repeat([]byte("long "), 100))
		}
	case "flush":
		for range 3 {
			_, _ = io.WriteString(w, "part ")
			_ = control.Flush()
		}
	case "head":
		_ = control.Flush()
	case "trailer":
		h.Set("Trailer", "X-After")
		_, _ = io.WriteString(w, "body")
		_ = control.Flush()
		h.Set("X-After", "yes")
	case "204":
		w.WriteHeader(204)
		_, err := io.WriteString(w, "no")
		h.Set("X-Error", fmt.Sprint(err))
	case "304":
		h.Set("Content-Length", "7")
		w.WriteHeader(304)
	case "418":
		w.WriteHeader(418)
		w.WriteHeader(200)
		_, _ = io.WriteString(w, "teapot")
	case "close":
		h.Set("Connection", "close")
		_, _ = io.WriteString(w, "last")
	case "odd":
		h["X Y"], h["X-Line"] = []string{"1"}, []string{"a\r\nX-More: b"}
		h["Content-Length"] = []string{"junk"}
		_, _ = io.WriteString(w, "odd")
	case "abort":
		_, _ = io.WriteString(w, "begin")
		_ = control.Flush()
		panic(http.ErrAbortHandler)
	}
}

// Whatever is asked, the answers are those that net/http alone would give, and
// the same requests reach the handler.
func TestAnswersAreThoseOfNetHTTP(t *testing.T) {
	r := open(t, say)
	other := httptest.NewServer(http.HandlerFunc(say))
	defer other.Close()
	post := func(n int) string {
		return fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("x", n))
	}
	for _, c := range []struct {
		request string
		plain   int64 // requests that are served here
		methods string
	}{
		{get("/echo"), 1, ""},
		{get("/echo?a=b&c=%2F", "Accept: */*", "X-A: 1", "X-A: 2", "Cookie: a=b; c=d"), 1, ""},
		{get("/echo", "Connection: keep-alive"), 1, ""},
		{get("/echo", "Connection: close") + get("/echo"), 1, ""},
		{post(0) + post(1) + post(1000) + get("/echo"), 4, ""},
		{"PUT /echo HTTP/1.1\r\nhost: h:80\r\ncontent-length:  3 \r\n\r\nabc", 1, ""},
		{"HEAD /length HTTP/1.1\r\nHost: h\r\n\r\n" + get("/length"), 2, "HEAD GET"},
		{"HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n" + get("/nothing"), 2, "HEAD GET"},
		{"HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n" + "HEAD /long HTTP/1.1\r\nHost: h\r\n\r\n", 2, "HEAD HEAD"},
		{get("/longer"), 1, ""}, {get("/shorter"), 1, ""}, {get("/long") + get("/echo"), 2, ""},
		{get("/flush") + get("/echo"), 2, ""}, {get("/head") + get("/echo"), 2, ""}, {get("/trailer") + get("/echo"), 2, ""},
		{get("/204") + get("/echo"), 2, ""}, {get("/304") + get("/echo"), 2, ""}, {get("/418"), 1, ""},
		{get("/close") + get("/echo"), 1, ""}, {get("/odd") + get("/echo"), 2, ""}, {get("/abort") + get("/echo"), 1, ""},
		// Not plain, and what follows is not served here either.
		{get("/echo") + get("/echo", "Connection: upgrade", "Upgrade: x") + get("/echo"), 1, ""},
		{"GET /echo HTTP/1.0\r\nHost: h\r\n\r\n", 0, ""},
		{"GET http://h/echo HTTP/1.1\r\nHost: h\r\n\r\n", 0, ""},
		{"GET /echo HTTP/1.1\r\n\r\n", 0, ""},
		{"GET /echo HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 0, ""},
		{"GET /echo HTTP/1.1\r\nHost: \r\n\r\n", 0, ""},
		{"GET /echo HTTP/1.1\nHost: h\n\n", 0, ""},
		{"BREW /echo HTTP/1.1\r\nHost: h\r\n\r\n", 0, ""},
		{"get /echo HTTP/1.1\r\nHost: h\r\n\r\n", 0, ""},
		{get("/echo", "X-Fold: a", " b"), 0, ""},
		{get("/echo", "X-Umlaut: ä"), 0, ""},
		{get("/echo", "X-NUL: \x00"), 0, ""},
		{get("/echo", "X A: b"), 0, ""},
		{get("/echo", "X: a\rb"), 0, ""},
		{get("/ä"), 0, ""}, {get("/a b"), 0, ""}, {get("/%zz"), 0, ""},
		{get("/echo", "Expect: 100-continue"), 0, ""},
		{get("/echo", "TE: trailers"), 0, ""},
		{get("/echo", "Trailer: X"), 0, ""},
		{post(5000), 0, ""}, // more than is looked at
		{"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0, ""},
		{"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", 0, ""},
		{"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc", 0, ""},
		{"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0, ""},
		{"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/echo"), 0, ""},
		{"\r\n" + get("/echo"), 0, ""}, {"", 0, ""}, {"GET /echo HT", 0, ""},
	} {
		r.plain.Store(0)
		methods := strings.Fields(c.methods)
		got, want := talk(t, r.addr, c.request, methods...), talk(t, other.Listener.Addr().String(), c.request, methods...)
		if len(got) == 0 && len(want) == 0 {
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%.200q\ngot  %+v\nwant %+v", c.request, got, want)
		}
		if n := r.plain.Load(); n != c.plain && !strings.Contains(c.request, "/%zz") {
			t.Errorf("%.200q: %d requests were served plainly, want %d", c.request, n, c.plain)
		}
	}
}
