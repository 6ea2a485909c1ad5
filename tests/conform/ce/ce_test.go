package ce

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// serve gives a stand-in in front of a handler of functions.
func serve(t *testing.T, functions http.HandlerFunc) string {
	t.Helper()
	behind := httptest.NewServer(functions)
	t.Cleanup(behind.Close)
	base, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	front := httptest.NewServer(New(ctx, base, "admin", "word"))
	t.Cleanup(front.Close)
	return front.URL
}

func post(t *testing.T, url, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestAsync_FromMemoryOnceInOrder(t *testing.T) {
	calls := make(chan string, 10)
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		calls <- r.URL.RequestURI() + " " + string(b)
		w.WriteHeader(http.StatusServiceUnavailable) // and it is not tried again
	})
	for _, body := range []string{"1", "2", "3"} {
		if res := post(t, base+"/async-function/f/a?b=c", body); res.StatusCode != http.StatusAccepted || res.Header.Get("X-Call-Id") == "" {
			t.Fatal(res.Status, res.Header)
		}
	}
	for _, body := range []string{"1", "2", "3"} {
		select {
		case got := <-calls:
			if got != "/function/f/a?b=c "+body {
				t.Errorf("got %s, want the body %s", got, body)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no call")
		}
	}
	if res := post(t, base+"/async-function/f", "x", "X-Call-Id", "mine"); res.Header.Get("X-Call-Id") != "" {
		t.Error("the client's own id came back")
	}
	if got := <-calls; got != "/function/f x" {
		t.Errorf("instead of a call that was new: %s", got)
	}
	if res := post(t, base+"/async-function/f", strings.Repeat("x", MaxAsyncBody+1)); res.StatusCode != http.StatusInternalServerError {
		t.Error(res.Status)
	}
	if res, err := http.Get(base + "/async-function/f"); err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Error(res, err)
	}
	if res, err := http.Get(base + "/system/functions"); err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Error(res, err)
	}
}
