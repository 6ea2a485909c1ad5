package flow

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnstore/tests/storetest"
)

// A store whose settings allow it calls back when a queued call has ended, and
// tells of a dead letter.
// Seed: R47, R82
func TestCallbacks_OfAStore(t *testing.T) {
	fits(t)
	type told struct {
		path, body string
		header     http.Header
	}
	got := make(chan told, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- told{r.URL.Path, string(body), r.Header}
	}))
	t.Cleanup(receiver.Close)
	next := func(path string) told {
		t.Helper()
		for limit := time.After(90 * time.Second); ; {
			select {
			case c := <-got:
				if c.path == path {
					return c
				}
				t.Errorf("told at %s, not at %s", c.path, path)
			case <-limit:
				t.Fatalf("nobody was told at %s", path)
			}
		}
	}
	s := storetest.Start(t, "FNSTORE_CALLBACK_HOSTS="+strings.TrimPrefix(receiver.URL, "http://")+"+private",
		"FNSTORE_DEADLETTER_NOTIFY="+receiver.URL+"/dead")
	send := func(body, callback string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/async-function/hello", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if callback != "" {
			req.Header.Set("X-Callback-Url", callback)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if code := send(`{"name":"Ada"}`, "http://127.0.0.1:1/"); code != 400 {
		t.Errorf("a host that is not on the list: %d", code)
	}
	if code := send(`{"name":"Ada"}`, receiver.URL+"/hook"); code != 202 {
		t.Fatalf("%d", code)
	}
	c := next("/hook")
	if c.header.Get("X-Function-Status") != "200" || c.header.Get("X-Function-Name") != "hello" || !strings.Contains(c.body, "Hello, Ada!") {
		t.Errorf("%v %s", c.header, c.body)
	}
	key, err := os.ReadFile(filepath.Join(s.State, "secrets", "callback-key"))
	if err != nil {
		t.Fatal(err)
	}
	at, sum, _ := strings.Cut(strings.TrimPrefix(c.header.Get("X-Fnstore-Callback-Signature"), "t="), ",v1=")
	m := hmac.New(sha256.New, []byte(strings.TrimSpace(string(key))))
	_, _ = io.WriteString(m, at+"."+c.body)
	if sum != hex.EncodeToString(m.Sum(nil)) {
		t.Error("the signature does not hold")
	}
	if code := send(`{"name":`, ""); code != 202 {
		t.Fatalf("%d", code)
	}
	if dead := next("/dead"); !strings.Contains(dead.body, `"function":"hello","count":1`) {
		t.Errorf("told of a dead letter: %s", dead.body)
	}
	res, err := http.Get(s.Env["FNSTORE_METRICS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(text), `fnstore_queue_dead_letters{function_name="hello.openfaas-fn"} 1`) {
		t.Errorf("the metrics lack the dead letter, %v", err)
	}
}
