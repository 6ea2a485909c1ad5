package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/queue"
	"fnstore/kit/wire"
	"fnstore/runtime/queueapi"
)

// nowhere is a store that nobody dials in tests that need none.
const nowhere = "http://key:secret@127.0.0.1:1"

// serve makes the page; edit changes what it acts with.
func serve(t *testing.T, edit func(*Config)) *httptest.Server {
	t.Helper()
	c := Config{
		Functions: func(context.Context) ([]types.FunctionStatus, error) {
			return []types.FunctionStatus{
				{Name: "thumbnail", Image: "127.0.0.1:5000/fnstore/thumbnail:dev", Replicas: 1},
				{Name: "hello", Image: "<b onclick=alert(1)>", Replicas: 1, AvailableReplicas: 1, InvocationCount: 7},
				{Name: "rare", Image: "x"},
			}, nil
		},
		Progress: func(context.Context, string) (queue.Progress, error) {
			return queue.Progress{State: queue.Unknown}, nil
		},
		S3: nowhere, Uploads: "uploads", Thumbnails: "thumbnails", Gateway: "http://127.0.0.1:1", Version: "test",
	}
	if edit != nil {
		edit(&c)
	}
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// send makes a request and gives its whole answer.
func send(t *testing.T, method, url string, body io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// wantProblem checks that an answer is the RFC 9457 problem it should be.
func wantProblem(t *testing.T, res *http.Response, body string, status int, code string) {
	t.Helper()
	var p wire.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%d %q is no problem: %v", res.StatusCode, body, err)
	}
	if res.StatusCode != status || p.Status != status || p.Code != code || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s (%s), want %d %s", res.StatusCode, p.Code, p.Detail, status, code)
	}
}

func TestUI_PageShowsFunctionsAndRunsNothingInline(t *testing.T) {
	srv := serve(t, nil)
	res, body := send(t, "GET", srv.URL+"/ui/", nil)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	for _, want := range []string{`data-name="hello" data-state="ready"`, `data-name="thumbnail" data-state="starting"`, `data-name="rare" data-state="asleep"`, "&lt;b onclick=alert(1)&gt;", ">1/1<", ">7<"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, never := range []string{`<[^>]* style=`, `<[^>]* on[a-z]+=`, `<style`, `<script[^>]*>[^<]`, `<script>`, `https?://`} {
		if found := regexp.MustCompile(never).FindString(body); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	if strings.Index(body, `data-name="hello"`) > strings.Index(body, `data-name="rare"`) {
		t.Error("functions are not in order")
	}
}

// The page of messages is there where there is a queue, and runs nothing inline.
func TestMessages_PageIsThereWithAQueue(t *testing.T) {
	srv := serve(t, func(c *Config) { c.Queue = []queueapi.Route{} })
	res, body := send(t, "GET", srv.URL+"/ui/messages", nil)
	if res.StatusCode != 200 || !strings.Contains(body, `id="numbers"`) {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	for _, never := range []string{`<[^>]* style=`, `<[^>]* on[a-z]+=`, `<style`, `<script[^>]*>[^<]`, `<script>`, `https?://`} {
		if found := regexp.MustCompile(never).FindString(body); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	for _, f := range regexp.MustCompile(`(?:href|src)="(/ui/static/[^"]+)"`).FindAllStringSubmatch(body, -1) {
		if res, _ := send(t, "GET", srv.URL+f[1], nil); res.StatusCode != 200 {
			t.Errorf("%s: %d", f[1], res.StatusCode)
		}
	}
	res, body = send(t, "GET", serve(t, nil).URL+"/ui/messages", nil)
	wantProblem(t, res, body, 404, "no_route")
}

func TestFunctions_SayWhoseMessagesWait(t *testing.T) {
	srv := serve(t, func(c *Config) {
		c.Queues = func(context.Context) (map[string]string, error) {
			return map[string]string{"hello": "paused", "rare": "open"}, nil
		}
	})
	_, body := send(t, "GET", srv.URL+"/ui/", nil)
	if !strings.Contains(body, "Messages are paused</a>") || !strings.Contains(body, "Messages wait, it fails</a>") {
		t.Error("the page does not say that messages wait")
	}
}

func TestUI_AssetsAreThereForEver(t *testing.T) {
	srv := serve(t, nil)
	_, page := send(t, "GET", srv.URL+"/ui/", nil)
	found := regexp.MustCompile(`(?:href|src)="(/ui/static/([0-9a-f]{16})/([a-z.]+))"`).FindAllStringSubmatch(page, -1)
	if len(found) < 3 {
		t.Fatalf("the page loads %v", found)
	}
	loaded := map[string]string{} // by name
	for _, f := range found {
		loaded[f[3]] = f[1]
	}
	base := strings.TrimSuffix(loaded["page.js"], "page.js")
	for _, b := range modules(t) {
		for _, m := range regexp.MustCompile(`from "\./([a-z.]+)"`).FindAllSubmatch(b, -1) {
			loaded[string(m[1])] = base + string(m[1])
		}
	}
	for name, at := range loaded {
		res, body := send(t, "GET", srv.URL+at, nil)
		if res.StatusCode != 200 || len(body) == 0 || mediaTypes[name[strings.LastIndex(name, "."):]] != res.Header.Get("Content-Type") {
			t.Errorf("%s: %d %s, %d bytes", name, res.StatusCode, res.Header.Get("Content-Type"), len(body))
		}
		if !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s may not be kept", name)
		}
	}
	res, body := send(t, "GET", srv.URL+"/ui/static/0000000000000000/page.js", nil)
	wantProblem(t, res, body, 404, "no_asset")
	res, body = send(t, "GET", srv.URL+base+"page.html", nil)
	wantProblem(t, res, body, 404, "no_asset")
}

// modules are the scripts. None may write HTML or make code of text.
func modules(t *testing.T) (list [][]byte) {
	t.Helper()
	entries, err := files.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := files.ReadFile("static/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Name(), ".js") {
			list = append(list, b)
		}
	}
	return list
}

func TestUI_ScriptsWriteTextOnly(t *testing.T) {
	for _, b := range modules(t) {
		for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc", "://"} {
			if bytes.Contains(b, []byte(never)) {
				t.Errorf("a script has %s", never)
			}
		}
	}
}

func TestUI_EveryAnswerGuardsTheBrowser(t *testing.T) {
	srv := serve(t, nil)
	for _, path := range []string{"/ui/", "/ui/functions", "/ui/nothing", "/ui/thumbnails", "/ui/photos/x?key=y"} {
		res, _ := send(t, "GET", srv.URL+path, nil)
		h := res.Header
		if !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'self';") || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("X-Frame-Options") != "DENY" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestUI_OtherSitesChangeNothing(t *testing.T) {
	called := false
	gateway := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer gateway.Close()
	srv := serve(t, func(c *Config) { c.Gateway = gateway.URL })
	for _, path := range []string{"/ui/call/hello?path=/", "/ui/photos?name=x.png"} {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "http://evil.example"}} {
			res, body := send(t, "POST", srv.URL+path, strings.NewReader("x"), header...)
			wantProblem(t, res, body, 403, "cross_origin")
		}
	}
	if called {
		t.Error("a function was called")
	}
	if res, _ := send(t, "POST", srv.URL+"/ui/call/hello", strings.NewReader("x"), "Sec-Fetch-Site", "same-origin"); res.StatusCode != 200 || !called {
		t.Errorf("the page itself: %d", res.StatusCode)
	}
}

func TestUI_FunctionsAreListed(t *testing.T) {
	srv := serve(t, nil)
	_, body := send(t, "GET", srv.URL+"/ui/functions", nil)
	var got struct{ Functions []function }
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Functions) != 3 {
		t.Fatalf("%s: %v", body, err)
	}
	want := function{Name: "hello", Image: "<b onclick=alert(1)>", State: "ready", Ready: 1, Replicas: 1, Calls: 7}
	if got.Functions[0] != want {
		t.Errorf("got %+v, want %+v", got.Functions[0], want)
	}
}

func TestUI_NothingElseIsHere(t *testing.T) {
	srv := serve(t, nil)
	for _, call := range [][2]string{{"GET", "/ui/x"}, {"POST", "/ui/"}, {"DELETE", "/ui/functions"}, {"GET", "/ui/call/hello"}} {
		res, body := send(t, call[0], srv.URL+call[1], nil)
		wantProblem(t, res, body, 404, "no_route")
	}
}

func TestUI_NewRefusesWhatCannotWork(t *testing.T) {
	list := func(context.Context) ([]types.FunctionStatus, error) { return nil, nil }
	find := func(context.Context, string) (queue.Progress, error) { return queue.Progress{}, nil }
	for name, c := range map[string]Config{
		"no functions": {Progress: find, S3: nowhere},
		"no progress":  {Functions: list, S3: nowhere},
		"no key":       {Functions: list, Progress: find, S3: "http://127.0.0.1:1"},
		"no URL":       {Functions: list, Progress: find, S3: "http://key:hush@[::1"},
	} {
		if _, err := New(c); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
