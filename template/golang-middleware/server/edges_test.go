package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var interrupt = os.Interrupt

// zeros is a body of n bytes that takes no memory.
func zeros(n int64) io.Reader { return io.LimitReader(nothing{}, n) }

type nothing struct{}

func (nothing) Read(p []byte) (int, error) { return len(p), nil }

// A gigabyte goes in and comes out again while the function stays small: the
// body is neither kept nor thrown away when the answer begins.
func TestServer_BodiesOfAnySizePassThrough(t *testing.T) {
	f := start(t, "exec_timeout=10m")
	for name, size := range map[string]int64{"with a length": 1 << 30, "chunked": 1 << 27} {
		r, _ := http.NewRequest("POST", f.url+"/echo", struct{ io.Reader }{zeros(size)})
		if name == "with a length" {
			r.ContentLength = size
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if n != size || err != nil {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
	if peak := memory(t, f, "VmHWM"); peak > 64<<10 {
		t.Errorf("the function grew to %d KiB", peak)
	}
}

// memory reads a figure of /proc/<pid>/status, in KiB.
func memory(t *testing.T, f *function, field string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), field+":")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// raw sends bytes and reads answers by their methods.
func raw(t *testing.T, f *function, request string, methods ...string) (answers []answer, rest string) {
	t.Helper()
	conn := dial(t, f, false)
	io.WriteString(conn, request)
	in := bufio.NewReader(conn)
	for _, m := range methods {
		res, err := http.ReadResponse(in, &http.Request{Method: m})
		if err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		answers = append(answers, answer{res, string(body)})
	}
	conn.CloseWrite()
	b, _ := io.ReadAll(in)
	return answers, string(b)
}

func TestServer_EdgesOfHTTP(t *testing.T) {
	f := start(t)
	// HEAD: the header of a GET and no body, on a connection that stays.
	a, rest := raw(t, f, "HEAD /ok HTTP/1.1\r\nHost: f\r\n\r\nGET /ok HTTP/1.1\r\nHost: f\r\n\r\n", "HEAD", "GET")
	if a[0].StatusCode != 200 || a[0].body != "" || a[1].body != "ok\n" || rest != "" {
		t.Errorf("HEAD: %+v, rest %q", a, rest)
	}
	// Connection: close is answered with the same.
	if a, _ := raw(t, f, "GET /ok HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n", "GET"); !a[0].Close || a[0].body != "ok\n" {
		t.Errorf("close: %+v", a)
	}
	// HTTP/1.0 gets its answer and the end of the connection.
	if a, _ := raw(t, f, "GET /ok HTTP/1.0\r\n\r\n", "GET"); a[0].body != "ok\n" || !a[0].Close {
		t.Errorf("1.0: %+v", a)
	}
	// A handler that does not read leaves the connection usable when little is left.
	small := "POST /ok HTTP/1.1\r\nHost: f\r\nContent-Length: 5\r\n\r\nGET /"
	a, _ = raw(t, f, small+"GET /ok HTTP/1.1\r\nHost: f\r\n\r\n", "POST", "GET")
	if a[0].body != "ok\n" || a[1].body != "ok\n" {
		t.Errorf("unread body: %+v", a)
	}
	// Trailers of a request reach the handler, and its own the client.
	a, _ = raw(t, f, "POST /trailers HTTP/1.1\r\nHost: f\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n", "POST")
	if a[0].body != "X-Sum 7" || a[0].Trailer.Get("X-Answer") != "8" {
		t.Errorf("trailers: %+v %q %v", a[0].Response, a[0].body, a[0].Trailer)
	}
}

// 100 is said when the handler reads, and not when it refuses unread.
func TestServer_ExpectContinue(t *testing.T) {
	f := start(t)
	conn := dial(t, f, false)
	in := bufio.NewReader(conn)
	io.WriteString(conn, "POST /echo HTTP/1.1\r\nHost: f\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	if line, _ := in.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q", line)
	}
	in.ReadString('\n')
	io.WriteString(conn, "hi")
	if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	}
	a, rest := raw(t, f, "POST /refuse HTTP/1.1\r\nHost: f\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", "POST")
	if a[0].StatusCode != 413 || rest != "" {
		t.Errorf("%+v, rest %q", a, rest)
	}
}

// An informational answer goes ahead of the answer and begins nothing.
func TestServer_EarlyHints(t *testing.T) {
	f := start(t)
	conn := dial(t, f, false)
	io.WriteString(conn, "GET /hints HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n")
	b, err := io.ReadAll(conn)
	if text := string(b); err != nil || !strings.HasPrefix(text, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>") || !strings.Contains(text, "\r\n\r\nHTTP/1.1 200 OK\r\n") {
		t.Errorf("%q %v", text, err)
	}
}

// Whatever a client sends after a body that broke off is no request: it might
// be one that a proxy in front never saw.
func TestServer_BrokenBodyIsNoRequest(t *testing.T) {
	f := start(t)
	for _, body := range []string{
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
		"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
	} {
		for _, path := range []string{"/echo", "/ok", "/refuse"} {
			conn := dial(t, f, false)
			io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: f\r\n"+body+"GET /smuggled HTTP/1.1\r\nHost: f\r\n\r\n")
			conn.CloseWrite()
			io.Copy(io.Discard, conn)
		}
	}
	// So is what follows too much of an unread body.
	conn := dial(t, f, false)
	go func() {
		fmt.Fprintf(conn, "POST /refuse HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: f\r\n\r\n", 1<<20, strings.Repeat("x", 1<<20))
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != 413 {
		t.Fatalf("%v %v", res, err)
	}
	io.Copy(io.Discard, conn)
	f.stop()
	for _, l := range f.said("request") {
		if l["path"] == "/smuggled" {
			t.Fatalf("%v", l)
		}
	}
}

// Events arrive one by one, also while the request is still being sent.
func TestServer_EventsAndEchoesInFullDuplex(t *testing.T) {
	f := start(t)
	in, out := io.Pipe()
	r, _ := http.NewRequest("POST", f.url+"/lines", in)
	answered := make(chan *http.Response, 1)
	go func() {
		if res, err := http.DefaultClient.Do(r); err == nil {
			answered <- res
		}
		close(answered)
	}()
	fmt.Fprintln(out, "one")
	res := <-answered
	if res == nil || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%+v", res)
	}
	back := bufio.NewReader(res.Body)
	for i := range 50 {
		if i > 0 {
			fmt.Fprintln(out, "more")
		}
		if line, err := back.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
			t.Fatalf("%d: %q %v", i, line, err)
		}
	}
	out.Close()
	res.Body.Close()
}

// What SIGSTOP held up is answered after SIGCONT.
func TestServer_StoppedAndContinued(t *testing.T) {
	f := start(t)
	f.Process.Signal(syscall.SIGSTOP)
	got := make(chan error, 1)
	go func() { _, err := f.do("GET", "/ok", ""); got <- err }()
	f.Process.Signal(syscall.SIGCONT)
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("no answer")
	}
}
