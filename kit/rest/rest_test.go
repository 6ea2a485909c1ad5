package rest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"fnstore/kit/fault"
)

// table is an API that writes down what it does.
type table struct {
	API
	steps  []string
	caller Caller
	who    error // of Authenticate
	over   error // of Limit
}

func newTable() *table {
	t := &table{caller: Caller{ID: "u1", Roles: []string{"user"}}}
	serve := func(w http.ResponseWriter, r *http.Request) error {
		t.steps = append(t.steps, "route "+r.Method+" "+r.PathValue("id"))
		w.WriteHeader(http.StatusOK)
		return nil
	}
	check := func(body []byte) error {
		t.steps = append(t.steps, "validation "+string(body))
		if strings.Contains(string(body), "bad") {
			return fault.New(fault.Invalid, "invalid_body", "Invalid request body")
		}
		return nil
	}
	t.API = API{
		Name: "test", Origins: []string{"https://app.example.org"}, Guesses: "guesses",
		Authenticate: func(*http.Request) (Caller, error) {
			t.steps = append(t.steps, "auth")
			return t.caller, t.who
		},
		Limit: func(w http.ResponseWriter, _ *http.Request, policy string, c Caller) error {
			t.steps = append(t.steps, "limit "+policy+" "+c.ID)
			w.Header().Set("X-RateLimit-Limit", "100")
			return t.over
		},
		Routes: []Route{
			{Method: "GET", Path: "/v1/users", Op: "list", Limit: "default", Scope: "read", Serve: serve},
			{Method: "POST", Path: "/v1/users", Op: "create", Limit: "default", Role: "user", MaxBody: 100, Check: check, Serve: serve},
			{Method: "GET", Path: "/v1/users/{id}", Op: "get", Limit: "default", Serve: serve, Deprecated: time.Unix(1_800_000_000, 0), Sunset: time.Unix(1_900_000_000, 0), Successor: "../../v2/users"},
			{Method: "PATCH", Path: "/v1/users/{id}", Op: "change", Limit: "default", MaxBody: 100, Check: check, Serve: serve},
			{Method: "GET", Path: "/public/status", Op: "status", Public: true, Limit: "default", Serve: serve},
			{Method: "DELETE", Path: "/v1/users", Role: "admin", Limit: "default", Serve: serve},
		},
	}
	return t
}

func (t *table) call(method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.steps = nil
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	t.ServeHTTP(w, r)
	return w
}

// Seed: R56
func TestServeHTTP_Order(t *testing.T) {
	a := newTable()
	w := a.call("POST", "/v1/users", `{"a":1}`, "Origin", "https://app.example.org")
	if want := []string{"auth", "limit default u1", `validation {"a":1}`, "route POST "}; w.Code != 200 || !reflect.DeepEqual(a.steps, want) || w.Header().Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("%d %q", w.Code, a.steps)
	}
	// Each step that refuses is the last one, and CORS has been before all of them.
	for name, c := range map[string]struct {
		who, over error
		target    string
		body      string
		status    int
		last      string
	}{
		"auth":              {who: fault.New(fault.Unauthorized, "invalid_token", "Invalid token"), status: 401, last: "limit guesses "},
		"guesses":           {who: fault.New(fault.Unauthorized, "invalid_token", "Invalid token"), over: fault.New(fault.TooMany, "rate_limited", "too many"), status: 429, last: "limit guesses "},
		"auth out of order": {who: fault.New(fault.Unavailable, "no_token_key", "no key"), status: 503, last: "auth"},
		"limit":             {over: fault.New(fault.TooMany, "rate_limited", "too many").After(3 * time.Second), body: "{bad", status: 429, last: "limit default u1"},
		"validation":        {body: "{bad", status: 400, last: "validation {bad"},
		"no such path":      {target: "/v1/none", status: 404},
	} {
		a.who, a.over = c.who, c.over
		target := c.target
		if target == "" {
			target = "/v1/users"
		}
		w := a.call("POST", target, c.body, "Origin", "https://app.example.org")
		last := ""
		if len(a.steps) > 0 {
			last = a.steps[len(a.steps)-1]
		}
		if w.Code != c.status || last != c.last || w.Header().Get("Access-Control-Allow-Origin") != "https://app.example.org" {
			t.Errorf("%s: %d, last %q, %v", name, w.Code, last, w.Header())
		}
		if c.status == 401 && w.Header().Get("WWW-Authenticate") != `Bearer realm="test", error="invalid_token"` {
			t.Errorf("%s: %q", name, w.Header())
		}
		if c.status == 429 && (w.Header().Get("Retry-After") == "" || w.Header().Get("X-RateLimit-Limit") != "100") {
			t.Errorf("%s: %q", name, w.Header())
		}
	}
}

// Seed: B68, B69, R59
func TestMatch_ExactSegments404And405(t *testing.T) {
	a := newTable()
	for target, want := range map[string]int{
		"GET /v1/users": 200, "GET /v1/users?x=1": 200, "HEAD /v1/users": 200, "GET /v1/users/7": 200, "GET /v1/users/a%2Fb": 200,
		"GET /v10/users": 404, "GET /v1users": 404, "GET /v1/users/": 404, "GET /v1/users/1/2": 404, "GET /v1/users//": 404, "GET /V1/users": 404, "GET /v1/./users": 404, "GET //v1/users": 404, "GET /": 404,
		"GET /public/status": 200, "GET /publicity": 404, "GET /public": 404, "GET /public/": 404, "GET /publicity/status": 404,
		"PUT /v1/users": 405, "DELETE /v1/users/7": 405, "POST /public/status": 405, "TRACE /v1/users": 405,
	} {
		method, path, _ := strings.Cut(target, " ")
		if w := a.call(method, path, "{}"); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
	if w := a.call("PUT", "/v1/users", ""); w.Header().Get("Allow") != "DELETE, GET, HEAD, POST, OPTIONS" {
		t.Errorf("Allow: %q", w.Header())
	}
	if w := a.call("OPTIONS", "/v1/users/7", ""); w.Code != 204 || w.Header().Get("Allow") != "GET, HEAD, PATCH, OPTIONS" {
		t.Errorf("OPTIONS: %d %q", w.Code, w.Header())
	}
	if a.call("GET", "/v1/users/a%2Fb", ""); a.steps[2] != "route GET a/b" {
		t.Errorf("%q", a.steps)
	}
}

// Seed: B58
func TestRoles_DenyByDefault(t *testing.T) {
	a := newTable()
	for _, c := range []struct {
		caller Caller
		method string
		want   int
	}{
		{Caller{ID: "u"}, "POST", 403}, {Caller{ID: "u", Roles: []string{"user"}}, "POST", 200}, {Caller{ID: "u", Roles: []string{"users", "USER"}}, "POST", 403},
		{Caller{ID: "u", Roles: []string{"user"}}, "DELETE", 403}, {Caller{ID: "u", Roles: []string{"admin"}}, "DELETE", 200},
		{Caller{ID: "u", Key: "k", Scopes: []string{"read"}}, "GET", 200}, {Caller{ID: "u", Key: "k", Scopes: []string{"write"}}, "GET", 403}, {Caller{ID: "u", Key: "k", Roles: []string{"admin"}, Scopes: []string{"read"}}, "DELETE", 403},
	} {
		a.caller = c.caller
		if w := a.call(c.method, "/v1/users", "{}"); w.Code != c.want {
			t.Errorf("%s by %+v: %d, want %d", c.method, c.caller, w.Code, c.want)
		}
	}
}

// Seed: B70, R57
func TestCORS_AllowList(t *testing.T) {
	a := newTable()
	w := a.call("OPTIONS", "/v1/users", "", "Origin", "https://app.example.org", "Access-Control-Request-Method", "POST")
	h := w.Header()
	if w.Code != 204 || w.Body.Len() != 0 || h.Get("Access-Control-Allow-Origin") != "https://app.example.org" || h.Get("Access-Control-Allow-Methods") != "DELETE, GET, PATCH, POST" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || h.Get("Access-Control-Max-Age") == "" || h.Get("Vary") != "Origin" || h.Get("Access-Control-Allow-Credentials") != "" || len(a.steps) != 0 {
		t.Errorf("%d %v %q", w.Code, h, a.steps)
	}
	for _, origin := range []string{"https://evil.example", "https://app.example.org.evil.example", "http://app.example.org", "null", "https://app.example.org/"} {
		w := a.call("OPTIONS", "/v1/users", "", "Origin", origin, "Access-Control-Request-Method", "POST")
		if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", origin, w.Code, w.Header())
		}
	}
	for _, bad := range []string{"*", "example.org", "https://example.org/", "https://a@example.org", "file://x"} {
		if _, err := ParseOrigins(bad); err == nil {
			t.Errorf("%s is an origin", bad)
		}
	}
	if list, err := ParseOrigins(" https://a.example , http://localhost:3000,"); err != nil || len(list) != 2 {
		t.Errorf("%q %v", list, err)
	}
}

// Seed: R11, R61, B10
func TestFail_ProblemOrEnvelope(t *testing.T) {
	a := newTable()
	a.who = fault.New(fault.Unauthorized, "invalid_token", "Invalid token")
	for accept, enveloped := range map[string]bool{
		"": false, "*/*": false, "application/problem+json": false, "application/json": true, "Application/JSON; q=0.9": true,
		"application/json, text/plain, */*": false, "application/json, application/problem+json": false, "text/html": false,
	} {
		w := a.call("GET", "/v1/users", "", "Accept", accept)
		var e struct {
			Error struct {
				Code    int
				Message string
			}
			Code string
		}
		err := json.Unmarshal(w.Body.Bytes(), &e)
		if ct := w.Header().Get("Content-Type"); w.Code != 401 || enveloped != (ct == "application/json") || enveloped && (err != nil || e.Error.Code != 401 || e.Error.Message != "Invalid token") || !enveloped && !strings.Contains(w.Body.String(), `"code":"invalid_token"`) {
			t.Errorf("%q: %s %s", accept, ct, w.Body)
		}
	}
	a.who = errors.New("secret cause")
	for _, accept := range []string{"", "application/json"} {
		if w := a.call("GET", "/v1/users", "", "Accept", accept); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

// Seed: B23, R13
func TestBody_TypeAndSize(t *testing.T) {
	a := newTable()
	for name, want := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "": 200, "text/plain": 200, "application/merge-patch+json": 200,
		"application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415, "text/html": 415, "junk//": 415,
	} {
		if w := a.call("POST", "/v1/users", "{}", "Content-Type", name); w.Code != want {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := a.call("POST", "/v1/users", strings.Repeat(" ", 101)); w.Code != 413 {
		t.Errorf("101 bytes: %d", w.Code)
	}
}

func TestNamed_POSTWithOp(t *testing.T) {
	a := newTable()
	for _, c := range []struct{ target, body, want string }{
		{"/?op=list", "", "route GET "}, {"/?op=get&id=7", "", "route GET 7"}, {"/", `{"op":"get","id":"a/b"}`, "route GET a/b"}, {"/", `{"op":"get","id":7}`, "route GET 7"},
		{"/", `{"op":"change","id":"7","name":"x"}`, "route PATCH 7"}, {"/?op=change&id=7", `{"name":"x"}`, "route PATCH 7"},
	} {
		w := a.call("POST", c.target, c.body)
		if w.Code != 200 || a.steps[len(a.steps)-1] != c.want || strings.Contains(c.want, "PATCH") && a.steps[2] != `validation {"name":"x"}` {
			t.Errorf("%s %s: %d %q", c.target, c.body, w.Code, a.steps)
		}
	}
	for body, want := range map[string]string{
		"": "no_op", "[]": "no_op", "{}": "no_op", `{"op":1}`: "no_op", `{"op":"none"}`: "unknown_op", `{"op":""}`: "unknown_op", `{"op":"get"}`: "member_missing", `{"op":"get","id":null}`: "member_missing", `{"op":"list","op":"get"}`: "duplicate_member",
	} {
		if w := a.call("POST", "/", body); w.Code != 400 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// Seed: R59
func TestAge_DeprecationAndSunset(t *testing.T) {
	h := newTable().call("GET", "/v1/users/7", "").Header()
	if h.Get("Deprecation") != "@1800000000" || h.Get("Sunset") != "Sun, 17 Mar 2030 17:46:40 GMT" || h.Get("Link") != `<../../v2/users>; rel="successor-version"` {
		t.Errorf("%v", h)
	}
}

func FuzzServeHTTP(f *testing.F) {
	f.Add("/v1/users/%41", `{"op":"get","id":"x"}`)
	f.Add("/", `{"op":"change","id":"../x"}`)
	f.Fuzz(func(t *testing.T, path, body string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.URL.Path = path
		w := httptest.NewRecorder()
		newTable().ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%q %q: %d %s", path, body, w.Code, w.Body)
		}
	})
}

// A call that names no op is the default's, with its body as it came; one that
// names a wrong op is refused all the same.
func TestNamed_DefaultOp(t *testing.T) {
	a := &API{Default: "take", Routes: []Route{{Method: "POST", Path: "/take", Op: "take", Public: true, MaxBody: 100, Serve: func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.Copy(w, r.Body)
		return err
	}}}}
	for body, want := range map[string]string{"": "", `{"b":1, "a":2}`: `{"b":1, "a":2}`, "[1]": "[1]", `{"op":"take","a":1}`: `{"a":1}`} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(body)))
		if w.Code != 200 || w.Body.String() != want {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	for _, body := range []string{`{"op":"other"}`, `{"op":5}`} {
		w := httptest.NewRecorder()
		if a.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(body))); w.Code != 400 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}
