package invoke

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
)

const key = "0123456789abcdef0123456789abcdef"

func TestDo_SignedWithCallIDAndTime(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		left, err := time.ParseDuration(r.Header.Get("X-Timeout"))
		if err != nil || left <= 0 || left > time.Minute {
			t.Errorf("X-Timeout %q", r.Header.Get("X-Timeout"))
		}
		if r.URL.Path != "/function/shop.openfaas-fn" || r.Header.Get("X-Call-Id") != "c-1" || r.Header.Get("Traceparent") != "00-x" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		if err := caller.Check(r.Header, []string{key}, "POST", caller.Target(r.URL), body, time.Now()); err != nil {
			t.Error(err)
		}
		w.WriteHeader(202)
	}))
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := Open(gateway.URL, func() (string, error) { return key, nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"", "op=sell&a=%20b"} {
		res, err := c.Do(ctx, Call{Function: "shop", Query: query, CallID: "c-1", Header: http.Header{"Traceparent": {"00-x"}}, Body: []byte("{}")})
		if err != nil || res.StatusCode != 202 {
			t.Errorf("%q: %v, %v", query, res, err)
			continue
		}
		_ = res.Body.Close()
	}
}

func TestDo_Errors(t *testing.T) {
	stuck := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer stuck.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for url, want := range map[string]string{stuck.URL: "call_timeout", gone.URL: "gateway_unreachable"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if url == gone.URL {
			ctx = t.Context()
		}
		c, err := Open(url, func() (string, error) { return key, nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(ctx, Call{Function: "a"}); fault.Of(err).Code != want || !fault.Of(err).Kind.Retriable() {
			t.Errorf("%s: %v", want, err)
		}
		cancel()
	}
	c, err := Open("http://127.0.0.1:1", func() (string, error) { return "", errors.New("not mounted") })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), Call{Function: "a"}); fault.Of(err).Code != "no_event_key" {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "gateway:8080", "ftp://x", "http://", "http://u:p@h", "http://h/path", "http://h?x"} {
		if _, err := Open(bad, nil); err == nil {
			t.Errorf("%q is taken for a gateway", bad)
		}
	}
}

// go-sdk's LICENSE puts "annotated portions" under a commercial licence and the
// remainder under MIT. No file that is linked is annotated.
func TestLicence_NoFileOfTheSDKIsAnnotated(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.Dir}}{{range .GoFiles}} {{.}}{{end}}`, "github.com/openfaas/go-sdk").Output()
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Fields(string(out))
	if len(list) < 5 {
		t.Fatalf("%d files", len(list))
	}
	annotated := regexp.MustCompile(`(?i)licen[sc]e|eula|commercial|openfaas pro`)
	for _, name := range list[1:] {
		text, err := os.ReadFile(filepath.Join(list[0], name))
		if err != nil {
			t.Fatal(err)
		}
		if m := annotated.Find(text); m != nil {
			t.Errorf("%s says %q: read it before it is linked", name, m)
		}
	}
	licence, err := os.ReadFile(filepath.Join(list[0], "LICENSE"))
	if err != nil || !bytes.Contains(licence, []byte("The remainder of the source code is licensed under the MIT license.")) {
		t.Errorf("the LICENSE is another: %v", err)
	}
}
