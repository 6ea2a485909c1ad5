package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"fnstore/kit/fault"
)

// logged collects what is logged while a test runs.
func logged(t *testing.T) *bytes.Buffer {
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &out
}

func failed(err error) (*httptest.ResponseRecorder, Problem) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Length", "1") // of an answer that was not finished
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set(CallID, "call-1")
	Serve(w, r, func(http.ResponseWriter, *http.Request) error { return err })
	var p Problem
	json.Unmarshal(w.Body.Bytes(), &p)
	return w, p
}

func TestWire_FaultBecomesAProblem(t *testing.T) {
	log := logged(t)
	w, p := failed(fault.New(fault.Conflict, "taken", "the name %q is taken", "<x>"))
	want := Problem{"about:blank", "Conflict", 409, `the name "<x>" is taken`, "taken", "call-1"}
	if w.Code != 409 || p != want || w.Header().Get("Content-Type") != "application/problem+json" ||
		w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Length") != "" {
		t.Errorf("%d %+v %v", w.Code, p, w.Header())
	}
	if log.Len() != 0 {
		t.Errorf("the caller's mistake was logged: %s", log)
	}
}

// Seed: B10
func TestWire_CauseIsForTheLogAlone(t *testing.T) {
	for _, err := range []error{
		errors.New("pq: canary"),
		fault.New(fault.Unavailable, "no_store", "the store does not answer").Because(errors.New("canary")),
	} {
		log := logged(t)
		w, _ := failed(err)
		if strings.Contains(w.Body.String(), "canary") {
			t.Errorf("the caller read %s", w.Body)
		}
		if l := log.String(); !strings.Contains(l, "canary") || !strings.Contains(l, "call-1") {
			t.Errorf("the log says %s", l)
		}
	}
}

func TestWire_RetryAfterWhereItHelps(t *testing.T) {
	for kind, want := range map[fault.Kind]string{fault.Unavailable: "1", fault.TooMany: "1", fault.Invalid: "", fault.Internal: ""} {
		logged(t)
		if w, _ := failed(fault.New(kind, "x", "x")); w.Header().Get("Retry-After") != want {
			t.Errorf("status %d: Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
	}
	// In whole seconds, and never too soon.
	for wait, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", 1500 * time.Millisecond: "2", time.Minute: "60"} {
		if w, _ := failed(fault.New(fault.Unavailable, "x", "x").After(wait)); w.Header().Get("Retry-After") != want {
			t.Errorf("%s: Retry-After %q", wait, w.Header().Get("Retry-After"))
		}
	}
}

// Seed: B28
func TestWire_JSON(t *testing.T) {
	w := httptest.NewRecorder()
	if err := JSON(w, 201, map[string]string{"a": "<&>"}); err != nil || w.Code != 201 || w.Body.String() != "{\"a\":\"<&>\"}\n" ||
		w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%v %d %q", err, w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	if err := JSON(w, 200, func() {}); err == nil || w.Body.Len() != 0 || len(w.Header()) != 0 {
		t.Errorf("what cannot be JSON: %v %q %v", err, w.Body, w.Header())
	}
}

func TestWire_BodyStopsAtItsLimit(t *testing.T) {
	read := func(body io.Reader, limit int64) (string, error) {
		b, err := Body(httptest.NewRecorder(), httptest.NewRequest("POST", "/", body), limit)
		return string(b), err
	}
	if b, err := read(strings.NewReader("12345"), 5); b != "12345" || err != nil {
		t.Errorf("at the limit: %q %v", b, err)
	}
	endless := &counter{}
	if _, err := read(endless, 5); fault.Of(err).Kind != fault.TooLarge {
		t.Errorf("over the limit: %v", err)
	}
	if endless.n > 4096 {
		t.Errorf("read %d bytes to find out that 5 are too few", endless.n)
	}
	if _, err := read(iotest.ErrReader(errors.New("reset")), 5); fault.Of(err).Code != "body_unreadable" {
		t.Errorf("a body that breaks off: %v", err)
	}
}

type counter struct{ n int }

func (c *counter) Read(b []byte) (int, error) { c.n += len(b); return len(b), nil }

func TestWire_DecodeTakesExactlyOneValue(t *testing.T) {
	type item struct {
		A string `json:"a"`
	}
	for body, ok := range map[string]bool{
		`{"a":"x"}`: true, " {} \n": true,
		``: false, `{`: false, `{"a":1}`: false, `{"b":"x"}`: false, `{"a":"x"}{}`: false, `{"a":"x"},`: false,
		`{"a":"x"} x`: false, `[]`: false, `"a"`: false, `{"a":"x"}]`: false, "\ufeff{}": false, `{'a':'x'}`: false,
	} {
		var v item
		err := Decode([]byte(body), &v)
		if (err == nil) != ok {
			t.Errorf("%q: %v", body, err)
		}
		if err != nil && fault.Of(err).Kind != fault.Invalid {
			t.Errorf("%q is our fault: %v", body, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}]}`))
	f.Add([]byte(`{"a":1} {"a":2}`))
	f.Add(bytes.Repeat([]byte("["), 20_000))
	f.Fuzz(func(t *testing.T, body []byte) {
		var v any
		err := Decode(body, &v)
		if err == nil && !json.Valid(body) {
			t.Errorf("accepted %q", body)
		}
		if err != nil && fault.Of(err).Kind != fault.Invalid {
			t.Errorf("%q: %v", body, err)
		}
	})
}
