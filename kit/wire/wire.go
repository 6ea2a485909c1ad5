// Package wire turns Go values and errors into HTTP answers and bodies into Go
// values, the same way for every function and for the runtime. It does not know
// what an answer means.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"fnstore/kit/fault"
	"fnstore/kit/trace"
)

// CallID is the header that names one call through every hop (openfaas
// gateway: set when the client sent none).
const CallID = "X-Call-Id"

// Problem is the body of every error answer: RFC 9457 section 3.1, with the
// extension members code (stable, for programs) and call_id (to find the log).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	CallID string `json:"call_id,omitempty"`
}

// Serve runs a route that returns its error, and answers for it when it does. The
// route's context has the request's trace context, for the messages it writes.
func Serve(w http.ResponseWriter, r *http.Request, route func(http.ResponseWriter, *http.Request) error) {
	if c, ok := trace.Of(r.Header); ok {
		r = r.WithContext(trace.With(r.Context(), c))
	}
	if err := route(w, r); err != nil {
		Fail(w, r, err)
	}
}

// Fail answers with err as an RFC 9457 problem. An error of our own making is
// logged with its cause; the caller reads only what fault lets it read.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	id := r.Header.Get(CallID)
	if f.Cause != nil || f.Kind == fault.Internal {
		slog.ErrorContext(r.Context(), f.Detail, "code", f.Code, "call_id", id, "cause", err.Error())
	}
	p := Problem{
		Type:   "about:blank",
		Title:  http.StatusText(f.Kind.Status()),
		Status: f.Kind.Status(),
		Detail: f.Detail,
		Code:   f.Code,
		CallID: id,
	}
	body, _ := json.Marshal(p) // strings and an int: cannot fail
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	if (f.Kind.Retriable() && f.Kind != fault.Internal || f.Wait > 0) && h.Get("Retry-After") == "" {
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(f.Wait.Seconds())))))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone; nobody is left to tell
}

// JSON answers with v as JSON. A value that cannot be written as JSON is our
// fault and becomes a 500 before anything was sent.
func JSON(w http.ResponseWriter, status int, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes())
	return nil
}

// Body reads the request's body, at most limit bytes. A longer one is
// fault.TooLarge and is not read to its end.
func Body(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, fault.New(fault.TooLarge, "body_too_large", "the body is longer than %d bytes", limit)
	case err != nil:
		return nil, fault.New(fault.Invalid, "body_unreadable", "the body ended early").Because(err)
	}
	return b, nil
}

// Decode reads exactly one JSON value into v: unknown members, a second value,
// bytes after it and a member that is there twice are refused, since each of
// them is a caller who means something that we would silently drop.
func Decode(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fault.New(fault.Invalid, "bad_json", "the body is not the JSON expected here: %s", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fault.New(fault.Invalid, "bad_json", "the body has more after its JSON value")
	}
	if name, twice := repeated(body); twice {
		return fault.New(fault.Invalid, "duplicate_member", "the body has the member %.64q twice in one object; names that differ in case alone count as one", name)
	}
	return nil
}
