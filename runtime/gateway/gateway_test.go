package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
	"fnstore/runtime/logs"
	"fnstore/runtime/secrets"
)

// provider has functions that are handlers on one server of the test's.
type provider struct {
	functions map[string]types.FunctionStatus
	transport http.RoundTripper
	deployed  []types.FunctionDeployment
}

func (p *provider) Deploy(_ context.Context, d types.FunctionDeployment) error {
	p.deployed = append(p.deployed, d)
	p.functions[d.Service] = types.FunctionStatus{Name: d.Service, Image: d.Image}
	return nil
}

func (p *provider) Delete(_ context.Context, name string) error {
	if _, ok := p.functions[name]; !ok {
		return fault.New(fault.NotFound, "function_not_found", "no %s", name)
	}
	delete(p.functions, name)
	return nil
}

func (p *provider) Get(_ context.Context, name string) (types.FunctionStatus, error) {
	f, ok := p.functions[name]
	if !ok {
		return f, fault.New(fault.NotFound, "function_not_found", "no %s", name)
	}
	return f, nil
}

func (p *provider) List(context.Context) ([]types.FunctionStatus, error) {
	list := []types.FunctionStatus{}
	for _, f := range p.functions {
		list = append(list, f)
	}
	return list, nil
}

func (p *provider) Scale(_ context.Context, name string, replicas int) error {
	f, err := p.Get(context.Background(), name)
	f.Replicas = uint64(replicas)
	if err == nil {
		p.functions[name] = f
	}
	return err
}

func (p *provider) Acquire(ctx context.Context, name string) (http.RoundTripper, func(), error) {
	if _, err := p.Get(ctx, name); err != nil {
		return nil, nil, err
	}
	return p.transport, func() {}, nil
}

type rig struct {
	*httptest.Server
	p    *provider
	g    *Gateway
	logs *logs.Store
}

const password = "correct horse"

// open makes a gateway with one function, echo, that f serves.
func open(t *testing.T, f http.HandlerFunc) *rig {
	t.Helper()
	fn := httptest.NewServer(f)
	t.Cleanup(fn.Close)
	addr := fn.Listener.Addr().String()
	p := &provider{
		functions: map[string]types.FunctionStatus{"echo": {Name: "echo", Image: "i", Namespace: Namespace}},
		transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}},
	}
	vault, err := secrets.Open(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	written, err := logs.Open(filepath.Join(t.TempDir(), "logs"))
	if err != nil {
		t.Fatal(err)
	}
	g := New(Config{Provider: p, Secrets: vault, Logs: written, User: "admin", Password: password, Version: "1.2.3", Commit: "abc"})
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	return &rig{srv, p, g, written}
}

// echo answers with the request as the function saw it.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(map[string]any{"uri": r.RequestURI, "method": r.Method, "header": r.Header, "host": r.Host, "body": string(body)})
}

type seen struct {
	URI    string      `json:"uri"`
	Method string      `json:"method"`
	Header http.Header `json:"header"`
	Host   string      `json:"host"`
	Body   string      `json:"body"`
}

// raw sends bytes as they are and reads the answer: no client between.
func (r *rig) raw(t *testing.T, request string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res, string(body)
}

func (r *rig) do(t *testing.T, method, path, body string, auth bool) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, r.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if auth {
		req.SetBasicAuth("admin", password)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res, string(b)
}

func TestPathsArriveByteForByte(t *testing.T) {
	r := open(t, echo)
	for sent, want := range map[string]string{
		"/function/echo":                    "/",
		"/function/echo/":                   "/",
		"/function/echo?":                   "/?",
		"/function/echo?a=1&b=%2F":          "/?a=1&b=%2F",
		"/function/echo/a/b/":               "/a/b/",
		"/function/echo/a%2Fb/c%20d":        "/a%2Fb/c%20d",
		"/function/echo//a//b":              "//a//b",
		"/function/echo/caf\xc3\xa9":        "/caf\xc3\xa9",
		"/function/echo/%C3%A9+x;y=1,z":     "/%C3%A9+x;y=1,z",
		"/function/echo.openfaas-fn/x":      "/x",
		"/function/echo/a?redirect=../../b": "/a?redirect=../../b",
		"/function/echo/a|b^c{d}":           "/a|b^c{d}",
		"/function/echo/...":                "/...",
		"/function/echo/.well-known/x":      "/.well-known/x",
	} {
		res, body := r.raw(t, "GET "+sent+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		var s seen
		if res.StatusCode != 200 || json.Unmarshal([]byte(body), &s) != nil || s.URI != want {
			t.Errorf("%q: %d, the function saw %q, want %q", sent, res.StatusCode, s.URI, want)
		}
	}
}

func TestPathsThatReadersDifferOnAreRefused(t *testing.T) {
	r := open(t, func(_ http.ResponseWriter, req *http.Request) { t.Errorf("%q reached the function", req.RequestURI) })
	for _, path := range []string{
		"/function/echo/..", "/function/echo/../x", "/function/echo/%2e%2e/x", "/function/echo/.%2E", "/function/echo/a/./b",
		"/function/echo/%2e", "/function/../system/functions", "/function/echo/..%2fx", "/function/echo/..%5cx", "/function/echo/..;x=1/y",
		"/function/echo/%00", "/function/echo/%0d%0aX:1", "/function/echo/%7f", "/function/%2e%2e/system/functions", "/function/echo/a%2f..%2fb",
		"/function/echo/%1f", "/x/..", "/function/..",
	} {
		if res, body := r.raw(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); res.StatusCode != 400 {
			t.Errorf("%q: %d %s", path, res.StatusCode, body)
		}
	}
	for _, path := range []string{"/function/echo/%", "/function/echo/%2", "/function/echo/%zz", "/function/echo/a b"} {
		if res, _ := r.raw(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); res.StatusCode != 400 {
			t.Errorf("%q: %d", path, res.StatusCode)
		}
	}
}

func TestNamesThatAreNoneFindNothing(t *testing.T) {
	r := open(t, func(_ http.ResponseWriter, req *http.Request) { t.Errorf("%q reached the function", req.RequestURI) })
	for _, path := range []string{
		"/function/nope", "/function/Echo", "/function/echo.other", "/function/echo.openfaas-fn.x", "/function/ech%6f", "/function/-echo",
		"/function/echo_", "/Function/echo", "/functionecho", "/function", "//function/echo", "/function//echo",
		"/function/" + strings.Repeat("a", 64), "/async-functions/echo", "/nope",
	} {
		res, _ := r.raw(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		if res.StatusCode != 404 && !(path == "/function//echo" && res.StatusCode == 400) {
			t.Errorf("%q: %d", path, res.StatusCode)
		}
		if res.Header.Get(wire.CallID) == "" {
			t.Errorf("%q: no call id", path)
		}
	}
}

func TestHeadersOfTheCall(t *testing.T) {
	r := open(t, echo)
	_, body := r.raw(t, "POST /function/echo HTTP/1.1\r\nHost: store.example\r\nConnection: close, X-Secret\r\nX-Secret: s\r\nKeep-Alive: 1\r\n"+
		"Te: trailers\r\nProxy-Authorization: p\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nForwarded: for=evil\r\nX-Real-Ip: 6.6.6.6\r\n"+
		"X-OpenFaaS-Internal: no\r\nX-Function-Name: no\r\nX-Start-Time: 1\r\nX-Call-Id: mine-1\r\nAuthorization: Bearer t\r\nCookie: c=1\r\n"+
		"X-Fnstore-Signature: s\r\nContent-Length: 4\r\n\r\nbody")
	var s seen
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"X-Secret", "Keep-Alive", "Te", "Proxy-Authorization", "Forwarded", "X-Real-Ip", "X-Openfaas-Internal", "X-Function-Name"} {
		if v := s.Header.Values(gone); len(v) > 0 {
			t.Errorf("%s: %q reached the function", gone, v)
		}
	}
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "store.example", "X-Call-Id": "mine-1",
		"Authorization": "Bearer t", "Cookie": "c=1", "X-Fnstore-Signature": "s",
	} {
		if v := s.Header.Values(name); len(v) != 1 || v[0] != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if v := s.Header.Values("X-Start-Time"); len(v) != 1 || len(v[0]) != 19 {
		t.Errorf("X-Start-Time %q", v)
	}
	if s.Body != "body" || s.Host != "store.example" {
		t.Errorf("body %q, host %q", s.Body, s.Host)
	}
}

func TestTheOperatorsPasswordReachesNoFunction(t *testing.T) {
	r := open(t, echo)
	if _, body := r.do(t, "GET", "/function/echo", "", true); strings.Contains(body, "Authorization") {
		t.Errorf("the function saw %s", body)
	}
}

func TestTheCallIdIsAlwaysReturned(t *testing.T) {
	r := open(t, echo)
	for _, sent := range []string{"", "abc-1", "bad id", strings.Repeat("a", 65), "x\"y"} {
		req, _ := http.NewRequest("GET", r.URL+"/function/echo", nil)
		if sent != "" {
			req.Header.Set(wire.CallID, sent)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var s seen
		_ = json.NewDecoder(res.Body).Decode(&s)
		_ = res.Body.Close()
		got := res.Header.Values(wire.CallID)
		if len(got) != 1 || !goodCallID.MatchString(got[0]) || s.Header.Get(wire.CallID) != got[0] || sent == "abc-1" && got[0] != sent {
			t.Errorf("sent %q, returned %q, the function saw %q", sent, got, s.Header.Values(wire.CallID))
		}
	}
}

func TestAnswersPassThrough(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/redirect":
			http.Redirect(w, req, "/elsewhere", http.StatusFound)
		case "/bare":
			w.Header()["Content-Type"] = nil
			fmt.Fprint(w, "x")
		case "/cut":
			panic(http.ErrAbortHandler)
		case "/stream":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-req.Context().Done()
		}
	})
	if res, _ := r.do(t, "GET", "/function/echo/redirect", "", false); res.StatusCode != 302 || res.Header.Get("Location") != "/elsewhere" {
		t.Errorf("redirect: %d %q", res.StatusCode, res.Header.Get("Location"))
	}
	if res, _ := r.do(t, "GET", "/function/echo/bare", "", false); res.Header.Get("Content-Type") != "text/plain; charset=utf-8" || res.Header.Get("X-Served-By") != "fnstore/1.2.3" {
		t.Errorf("bare: %v", res.Header)
	}
	res, body := r.do(t, "GET", "/function/echo/cut", "", false)
	var p wire.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || res.StatusCode != 502 || p.Code != "function_unreachable" || res.Header.Get(internalHeader) != "proxy" {
		t.Errorf("cut: %d %s", res.StatusCode, body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", r.URL+"/function/echo/stream", nil)
	stream, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if line, err := bufio.NewReader(stream.Body).ReadString('\n'); line != "data: 1\n" {
		t.Errorf("stream: %q, %v", line, err)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	r := open(t, echo)
	if res, _ := r.raw(t, fmt.Sprintf("POST /function/echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", MaxBody+1)); res.StatusCode != 413 {
		t.Errorf("a length over the limit: %d", res.StatusCode)
	}
}

// Nothing under /system or /ui answers without the password, in any spelling.
func TestTheOperatorsRoutesAreClosed(t *testing.T) {
	r := open(t, echo)
	for _, path := range []string{
		"/system/functions", "/system/info", "/system/secrets", "/system/namespaces", "/system/logs?name=echo", "/system/function/echo", "/ui/", "/ui/x",
		"/system//functions", "/system/%66unctions", "/system/", "//system/functions", "/System/functions", "/system;x/functions", "/%73ystem/functions",
		"/system/functions/", "/system/functions%00", "/x/../system/functions", "/system/x/../functions",
	} {
		for _, auth := range []string{"", "Authorization: Bearer \r\n", "Authorization: Basic YWRtaW46\r\n", "Authorization: Basic %%%\r\n", "Authorization: Basic OmNvcnJlY3QgaG9yc2U=\r\n"} {
			res, body := r.raw(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\n"+auth+"Connection: close\r\n\r\n")
			if res.StatusCode != 401 && res.StatusCode != 404 && res.StatusCode != 400 {
				t.Errorf("%q with %q: %d %s", path, auth, res.StatusCode, body)
			}
		}
	}
	if res, _ := r.do(t, "GET", "/system/functions", "", false); res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") != `Basic realm="Restricted"` {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if res, _ := r.do(t, "GET", "/healthz", "", false); res.StatusCode != 200 {
		t.Errorf("healthz %d", res.StatusCode)
	}
	if res, _ := r.do(t, "GET", "/", "", false); res.StatusCode != 307 || res.Header.Get("Location") != "/ui/" {
		t.Errorf("/: %d %v", res.StatusCode, res.Header)
	}
}

func TestSystemSpeaksAsClientsExpect_R28(t *testing.T) {
	r := open(t, echo)
	step := func(method, path, body string, want int, contains string) {
		t.Helper()
		res, got := r.do(t, method, path, body, true)
		if res.StatusCode != want || !strings.Contains(got, contains) {
			t.Errorf("%s %s %s: %d %s; want %d %s", method, path, body, res.StatusCode, got, want, contains)
		}
	}
	step("GET", "/system/functions", "", 200, `"name":"echo"`)
	step("GET", "/system/functions?namespace=openfaas-fn", "", 200, `"createdAt"`)
	step("GET", "/system/functions?namespace=x", "", 400, "bad_namespace")
	step("PUT", "/system/functions", `{"service":"new","image":"i"}`, 404, "function_not_found")
	step("POST", "/system/functions", `{"service":"new","image":"i","network":"legacy","labels":{"a":"b"}}`, 202, "")
	step("PUT", "/system/functions", `{"service":"new","image":"j"}`, 202, "")
	step("POST", "/system/functions", `{`, 400, "bad_json")
	step("GET", "/system/function/new?usage=1", "", 200, `"image":"j"`)
	step("GET", "/system/function/nope", "", 404, "function_not_found")
	step("DELETE", "/system/functions", `{"functionName":"new"}`, 202, "")
	step("DELETE", "/system/functions", `{"functionName":"new"}`, 404, "")
	step("GET", "/system/namespaces", "", 200, `["openfaas-fn"]`)
	step("GET", "/system/info", "", 200, `"release":"1.2.3"`)
	step("GET", "/system/secrets", "", 200, `[]`)
	step("POST", "/system/secrets", `{"name":"k","value":"v"}`, 202, "")
	step("POST", "/system/secrets", `{"name":"k","value":"v"}`, 409, "secret_exists")
	step("GET", "/system/secrets?namespace=openfaas-fn", "", 200, `[{"name":"k","namespace":"openfaas-fn"}]`)
	step("PUT", "/system/secrets", `{"name":"k","value":"v","rawValue":"cmF3"}`, 202, "")
	step("PUT", "/system/secrets", `{"name":"absent","value":"v"}`, 404, "secret_not_found")
	step("POST", "/system/secrets", `{"name":"../k","value":"v"}`, 400, "bad_secret_name")
	step("POST", "/system/secrets", `{"name":"empty","value":""}`, 400, "secret_empty")
	if b, _ := r.g.cfg.Secrets.Read("k"); string(b) != "raw" {
		t.Errorf("rawValue did not win: %q", b)
	}
	step("DELETE", "/system/secrets", `{"name":"k"}`, 202, "")
	step("DELETE", "/system/secrets", `{"name":"k"}`, 404, "")
	step("PATCH", "/system/functions", "", 405, "")
}

func TestLogsAreLinesOfJSON(t *testing.T) {
	r := open(t, echo)
	for i := range 5 {
		r.logs.Say("echo", Namespace, "i-1", fmt.Sprint("line ", i))
	}
	res, body := r.do(t, "GET", "/system/logs?name=echo&tail=2&follow=0", "", true)
	if res.Header.Get("Content-Type") != "application/x-ndjson" || strings.Count(body, "\n") != 2 || !strings.Contains(body, "line 4") {
		t.Errorf("%v %s", res.Header, body)
	}
	for q, want := range map[string]int{"name=nope": 404, "name=echo&tail=x": 422, "name=echo&since=yesterday": 422, "": 400, "name=echo&tail=-1": 200, "name=echo&tail=x&tail=1": 200} {
		if res, body := r.do(t, "GET", "/system/logs?"+q, "", true); res.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", q, res.StatusCode, body, want)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", r.URL+"/system/logs?name=echo&follow=1&tail=1", nil)
	req.SetBasicAuth("admin", password)
	follow, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer follow.Body.Close()
	lines := bufio.NewScanner(follow.Body)
	lines.Scan()
	r.logs.Say("echo", Namespace, "i-1", "live \x1b[31m\"\n")
	if !lines.Scan() || !strings.Contains(lines.Text(), `live`) {
		t.Errorf("followed %q", lines.Text())
	}
}

func TestMetricsCountByFunctionAndCode(t *testing.T) {
	r := open(t, echo)
	r.do(t, "GET", "/function/echo", "", false)
	r.do(t, "GET", "/function/echo.openfaas-fn", "", false)
	m := httptest.NewRecorder()
	r.g.Metrics().ServeHTTP(m, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`gateway_function_invocation_total{code="200",function_name="echo.openfaas-fn"} 2`,
		`gateway_function_invocation_started{function_name="echo.openfaas-fn"} 2`,
		`gateway_functions_seconds_count{code="200",function_name="echo.openfaas-fn"} 2`,
	} {
		if !strings.Contains(m.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, m.Body)
		}
	}
	if _, body := r.do(t, "GET", "/system/functions", "", true); !strings.Contains(body, `"invocationCount":2`) {
		t.Errorf("status %s", body)
	}
}

// Whatever the path, the answer is the function's or one of ours, and what
// passes arrives as it was sent.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/function/echo/a", "/function/echo/%2e%2e", "//", "/function/echo?x", "/system/functions", "/%", "/function/echo/\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if checkPath(raw) != nil {
			return
		}
		for segment := range strings.SplitSeq(raw, "/") {
			d, err := url.PathUnescape(segment)
			if err != nil || d == "." || d == ".." || strings.ContainsRune(d, 0) {
				t.Errorf("%q passed", raw)
			}
		}
		rest, ok := strings.CutPrefix(raw, "/function/")
		if !ok {
			return
		}
		name, path, err := target(rest)
		if err != nil {
			return
		}
		if !functionName.MatchString(name) || !strings.HasPrefix(path, "/") {
			t.Errorf("%q: %q %q", raw, name, path)
		}
		u := &url.URL{Scheme: "http", Host: "function"}
		setPath(u, path)
		if strings.ContainsAny(path, "?#") {
			return // cannot be in a request line's path
		}
		if got := u.RequestURI(); !strings.HasPrefix(path, "//") && got != path {
			t.Errorf("%q is sent as %q", path, got)
		}
	})
}
