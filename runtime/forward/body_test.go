package forward

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A call ends with its context, before the answer and within it.
func TestBody_CallsEndWithTheirContext(t *testing.T) {
	begun := make(chan struct{}, 1)
	r := serve(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method == "POST" {
			_, _ = io.WriteString(w, "begin")
			_ = http.NewResponseController(w).Flush()
		}
		begun <- struct{}{}
		<-req.Context().Done()
	})
	for _, method := range []string{"GET", "POST"} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-begun; cancel() }()
		if _, _, err := r.call(t, ctx, method, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// post sends a body of unknown length.
func (r *rig) post(t *testing.T, body io.Reader) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://function/", body)
	if err != nil {
		t.Fatal(err)
	}
	return r.RoundTrip(req)
}

// Both directions flow at once: each part of the body comes back before the next
// is sent.
func TestBody_ABodyIsAnsweredWhileItIsSent(t *testing.T) {
	r := serve(t, func(w http.ResponseWriter, req *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		w.WriteHeader(200)
		_ = control.Flush()
		for line := bufio.NewReader(req.Body); ; {
			s, err := line.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, strings.ToUpper(s))
			_ = control.Flush()
		}
	})
	for range 2 {
		in, out := io.Pipe()
		res, err := r.post(t, in)
		if err != nil {
			t.Fatal(err)
		}
		back := bufio.NewReader(res.Body)
		for _, word := range []string{"one", "two", "three"} {
			if _, err := io.WriteString(out, word+"\n"); err != nil {
				t.Fatal(err)
			}
			if got, err := back.ReadString('\n'); err != nil || got != strings.ToUpper(word)+"\n" {
				t.Fatalf("%q %v", got, err)
			}
		}
		_ = out.Close()
		if more, err := io.ReadAll(back); err != nil || len(more) > 0 {
			t.Fatalf("%q %v", more, err)
		}
		_ = res.Body.Close()
	}
	if n := r.dialled.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// A server may answer before it has read the body. When that answer is closed
// nobody reads the body any more.
func TestBody_AnAnswerBeforeTheBodysEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
				}
			}()
		}
	}()
	r := to(t, l.Addr().String())
	in, _ := io.Pipe() // never ends
	res, err := r.post(t, in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 413 || string(b) != "big" {
		t.Errorf("%d %q %v", res.StatusCode, b, err)
	}
	_ = res.Body.Close()
	if _, err := in.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the body can still be read: %v", err)
	}
}

// What was wrong with the body is what the caller is told.
func TestBody_ABodyThatBreaksBreaksTheCall(t *testing.T) {
	r := serve(t, echo)
	wrong := errors.New("no more")
	broken := io.MultiReader(strings.NewReader("begin"), failing{wrong})
	if res, err := r.post(t, broken); !errors.Is(err, wrong) {
		t.Errorf("%v %v", res, err)
	}
	for _, said := range []int64{10, inline + 10} {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://function/", struct{ io.Reader }{strings.NewReader("short")})
		req.ContentLength = said
		if res, err := r.RoundTrip(req); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v %v", res, err)
		}
	}
	if _, got, err := r.call(t, t.Context(), "POST", "x"); err != nil || !strings.HasSuffix(got, "x") {
		t.Errorf("after it: %q %v", got, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Nothing that a request has can become a second line of its head.
func TestBody_RequestsThatAreNoneAreNotSent(t *testing.T) {
	r := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request came") })
	for name, change := range map[string]func(*http.Request){
		"method":        func(q *http.Request) { q.Method = "GET / HTTP/1.1\r\nX: 1\r\n" },
		"path":          func(q *http.Request) { q.URL.Opaque = "/a b" },
		"a line":        func(q *http.Request) { q.URL.Opaque = "/a\r\nX: 1" },
		"host":          func(q *http.Request) { q.Host = "h\r\nX: 1" },
		"header":        func(q *http.Request) { q.Header["X"] = []string{"1\r\nY: 2"} },
		"header's name": func(q *http.Request) { q.Header["X: 1\r\nY"] = []string{"2"} },
		"NUL":           func(q *http.Request) { q.Header["X"] = []string{"\x00"} },
	} {
		req, _ := http.NewRequestWithContext(context.Background(), "GET", "http://function/", nil)
		change(req)
		if res, err := r.RoundTrip(req); err == nil {
			t.Errorf("%s: %v", name, res)
		}
	}
}

// A change of protocol makes the body both directions of the connection.
func TestBody_ATunnelCarriesBothDirections(t *testing.T) {
	r := raw(t, func(_ int, c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello ")
		_, _ = io.Copy(c, c)
	})
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://function/", nil)
	req.Header["Upgrade"], req.Header["Connection"] = []string{"websocket"}, []string{"Upgrade"}
	res, err := r.RoundTrip(req)
	if err != nil || res.StatusCode != 101 {
		t.Fatal(res, err)
	}
	defer res.Body.Close()
	both := res.Body.(io.ReadWriter)
	if _, err := io.WriteString(both, "there"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("hello there"))
	if _, err := io.ReadFull(both, got); err != nil || string(got) != "hello there" {
		t.Errorf("%q %v", got, err)
	}
}

// Closing a tunnel ends a Read of it that waits.
func TestBody_ATunnelThatIsClosedEndsItsReader(t *testing.T) {
	r := raw(t, func(_ int, c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	for range 20 {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://function/", nil)
		req.Header["Upgrade"], req.Header["Connection"] = []string{"websocket"}, []string{"Upgrade"}
		res, err := r.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		begun, ended := make(chan struct{}), make(chan error)
		go func() {
			close(begun)
			_, err := res.Body.Read(make([]byte, 1))
			ended <- err
		}()
		<-begun
		_ = res.Body.Close()
		if err := <-ended; err == nil {
			t.Error("it read something")
		}
	}
}
