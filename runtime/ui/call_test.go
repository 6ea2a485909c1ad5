package ui

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnstore/kit/caller"
)

const key = "0123456789abcdef0123456789abcdef"

// calls answers as a function would, at /function/NAME.
func calls(t *testing.T, answer http.HandlerFunc) func(*Config) {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	return func(c *Config) {
		c.Gateway = srv.URL
		c.Sign = func(h http.Header, method, path string, body []byte) error {
			caller.Sign(h, key, method, path, body, time.Now())
			return nil
		}
	}
}

func read(t *testing.T, res *http.Response) answer {
	t.Helper()
	text, err := url.PathUnescape(res.Header.Get(Answer))
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return a
}

// Seed: R28
func TestCall_ArrivesAsTypedAndSigned(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("secret_mount_path", dir)
	if err := os.WriteFile(filepath.Join(dir, caller.Secret), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := serve(t, calls(t, func(w http.ResponseWriter, r *http.Request) {
		got := r.Method + " " + r.RequestURI + " " + r.Header.Get("Content-Type") + " " + r.Header.Get("X-Call-Id")
		r.URL.Path, r.URL.RawPath = strings.TrimPrefix(r.URL.Path, "/function/hello"), strings.TrimPrefix(r.URL.RawPath, "/function/hello")
		r.RequestURI = r.URL.RequestURI()
		if err := caller.Verify(r, 1<<20); err != nil { // as the function sees it
			t.Error(err)
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Duration-Seconds", "0.1")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, got+" "+string(body))
	}))
	query := url.Values{"method": {"PUT"}, "path": {"/a b/%2F;é?q=1 2&r=%20é#no"}}
	res, body := send(t, "POST", srv.URL+"/ui/call/hello?"+query.Encode(), strings.NewReader("{}"), "Content-Type", "application/json", "X-Call-Id", "abc-1")
	want := "PUT /function/hello/a%20b/%2F;%C3%A9?q=1%202&r=%20%C3%A9 application/json abc-1 {}"
	if body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	a := read(t, res)
	if res.StatusCode != 200 || a.Status != http.StatusTeapot {
		t.Errorf("%d, %+v", res.StatusCode, a)
	}
	for _, h := range a.Headers {
		if h[0] == "X-Duration-Seconds" && h[1] == "0.1" {
			return
		}
	}
	t.Errorf("the header is lost: %v", a.Headers)
}

func TestCall_AnswersAreBytesToTheBrowser(t *testing.T) {
	srv := serve(t, calls(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Location", "/elsewhere")
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("X-Odd", "a\xffé")
		w.WriteHeader(http.StatusFound)
		_, _ = io.WriteString(w, "<script>alert(1)</script>")
	}))
	res, body := send(t, "POST", srv.URL+"/ui/call/hello", nil)
	if a := read(t, res); a.Status != http.StatusFound || res.StatusCode != 200 || res.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %+v %v", res.StatusCode, a, res.Header)
	}
	if res.Header.Get("Content-Type") != "application/octet-stream" || res.Header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
		t.Errorf("a browser might run it: %v", res.Header)
	}
	if body != "<script>alert(1)</script>" {
		t.Errorf("changed: %s", body)
	}
}

func TestCall_LongAnswersAreCut(t *testing.T) {
	srv := serve(t, calls(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, maxAnswerBytes+100))
	}))
	res, body := send(t, "POST", srv.URL+"/ui/call/hello", nil)
	if a := read(t, res); len(body) != maxAnswerBytes || a.Limit != maxAnswerBytes {
		t.Errorf("%d bytes, limit %d", len(body), a.Limit)
	}
}

func TestCall_AnswersFlow(t *testing.T) {
	seen := make(chan struct{})
	srv := serve(t, calls(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "one")
		_ = http.NewResponseController(w).Flush()
		<-seen // the first word must arrive while the second is not yet said
		_, _ = io.WriteString(w, "two")
	}))
	res, err := http.Post(srv.URL+"/ui/call/hello", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 3)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "one" {
		t.Fatalf("%q %v", first, err)
	}
	close(seen)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "two" {
		t.Errorf("%q %v", rest, err)
	}
}

func TestCall_HalfAnAnswerIsNoAnswer(t *testing.T) {
	srv := serve(t, calls(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	res, err := http.Post(srv.URL+"/ui/call/hello", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%q looks whole", b)
	}
}

func TestCalls_ThatCannotBeMade(t *testing.T) {
	srv := serve(t, nil)
	for _, c := range []struct {
		at     string
		status int
		code   string
	}{
		{"hello", 502, "gateway_unreachable"},
		{"Hello", 404, "function_not_found"},
		{"hello?method=CONNECT", 400, "bad_method"},
		{"hello?path=%25zz", 400, "bad_path"},
		{"hello?path=" + strings.Repeat("a", maxTarget+1), 400, "bad_path"},
	} {
		res, body := send(t, "POST", srv.URL+"/ui/call/"+c.at, nil)
		wantProblem(t, res, body, c.status, c.code)
	}
	res, body := send(t, "POST", srv.URL+"/ui/call/hello", strings.NewReader(strings.Repeat("x", maxCallBytes+1)))
	wantProblem(t, res, body, 413, "body_too_large")

	srv = serve(t, func(c *Config) {
		c.Sign = func(http.Header, string, string, []byte) error { return errors.New("no key") }
	})
	res, body = send(t, "POST", srv.URL+"/ui/call/hello", nil)
	wantProblem(t, res, body, 503, "not_signed")
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"", "/", "a", "/a b?c d#e", "/%2F%zz", "//x", "?", "/é?é", "/a\x00\n", "/..//.", "/%", "/a?%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		path, query, err := target(typed)
		if err != nil {
			return
		}
		if !strings.HasPrefix(path, "/") {
			t.Errorf("%q is no path", path)
		}
		for _, c := range []byte(path + query) {
			if c <= ' ' || c >= 0x7f || c == '#' {
				t.Fatalf("%q gave %q %q: %q may not stand in a request line", typed, path, query, c)
			}
		}
		if len(path)+len(query) >= maxTarget {
			return // the escapes made it too long to be typed
		}
		if again, q, err := target(path + "?" + query); err != nil || again != path || q != query {
			t.Errorf("%q gave %q %q, and that gives %q %q %v", typed, path, query, again, q, err)
		}
	})
}
