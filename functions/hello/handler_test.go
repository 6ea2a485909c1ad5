package function

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fnstore/kit/golden"
)

// Seed: R9, R23
func TestHandler_Golden(t *testing.T) {
	golden.Run(t, http.HandlerFunc(Handle), "testdata")
}

func TestHandler_Refusals(t *testing.T) {
	for name, c := range map[string]struct {
		target, body string
		status       int
		code         string
	}{
		"not JSON":        {"/", "OpenFaaS", 400, "bad_json"},
		"name is number":  {"/", `{"name":1}`, 400, "bad_json"},
		"unknown member":  {"/", `{"naem":"x"}`, 400, "bad_json"},
		"a list":          {"/", `["x"]`, 400, "bad_json"},
		"name too long":   {"/", `{"name":"` + strings.Repeat("é", maxName+1) + `"}`, 400, "name_too_long"},
		"query too long":  {"/?name=" + strings.Repeat("x", maxName+1), "", 400, "name_too_long"},
		"query not UTF-8": {"/?name=%ff", "", 400, "bad_name"},
		"query NUL":       {"/?name=%00", "", 400, "bad_name"},
		"body too long":   {"/", strings.Repeat(" ", maxBody+1), 413, "body_too_large"},
	} {
		w := httptest.NewRecorder()
		Handle(w, httptest.NewRequest("POST", c.target, strings.NewReader(c.body)))
		var p struct{ Code string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != c.status || p.Code != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, c.status, c.code)
		}
	}
}

func TestHandler_LongestNameIsGreeted(t *testing.T) {
	name := strings.Repeat("é", maxName)
	w := httptest.NewRecorder()
	Handle(w, httptest.NewRequest("POST", "/", strings.NewReader(`{"name":"`+name+`"}`)))
	if want := `{"message":"Hello, ` + name + `!"}` + "\n"; w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Whatever is sent, the answer is JSON and the blame is the caller's.
func FuzzHandle(f *testing.F) {
	f.Add("Anna", []byte(`{"name":"x"}`))
	f.Add("\x00", []byte("{"))
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(string(body)))
		q := r.URL.Query()
		q.Set("name", query)
		r.URL.RawQuery = q.Encode()
		w := httptest.NewRecorder()
		Handle(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	})
}
