package objects

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/signature"
)

// Handler serves S3, path style and virtual-host style. Give it to a server
// directly: a mux would clean the dots and slashes out of keys. Limits on
// connections and headers are the server's.
//
// The guard in front lets a request through when its address and signature
// hold, its operation is in the table of those served (operations.go), and its
// body can be verified. What the key may touch is decided where it is touched
// (front.go), by the names that are used there.
func (s *Store) Handler() http.Handler {
	front := gofakes3.New(&front{s}, gofakes3.WithRequestID(rand.Uint64())).Server()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{header: w.Header(), front: front}
		a := &answer{ResponseWriter: w, call: c}
		defer func() {
			if p := recover(); p != nil {
				s.Log.Error("panic in the object store", "panic", fmt.Sprint(p), "request_id", c.id(), "stack", string(debug.Stack()))
				if a.started {
					panic(http.ErrAbortHandler) // a broken answer must look broken
				}
				a.fail(r, errInternal)
			}
		}()
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		at, err := s.admit(r, c)
		if err == nil {
			err = c.op.serve(s, a, r, at)
		}
		if err != nil {
			a.fail(r, s.mapError(r.Context(), err))
		}
	})
}

// byFront lets the protocol's front answer.
func byFront(_ *Store, w http.ResponseWriter, r *http.Request, _ address) error {
	callOf(r.Context()).front.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK) // when the front left that to the server
	return nil
}

type callKey struct{}

// callOf finds the call; a context without one may do nothing.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{key: &Key{}}
}

// admit checks everything about a request that does not need its body, and
// replaces the body by one that verifies itself.
func (s *Store) admit(r *http.Request, c *call) (address, error) {
	a, err := s.checkRequest(r)
	if err != nil {
		return a, err
	}
	presigned := r.Header.Get("Authorization") == "" && r.URL.Query().Get("X-Amz-Signature") != ""
	code := signature.V4SignVerifyWithLookup(r, func(id string) (string, bool) {
		k, ok := s.keys.find(id)
		if !ok {
			return "", false
		}
		c.key = k
		return k.Secret, true
	})
	if code != signature.ErrNone && c.key != nil && c.key.Previous != "" && signature.GetAPIError(code).Code == "SignatureDoesNotMatch" {
		old := *c.key
		old.Secret = old.Previous
		c.key = &old
		code = signature.V4SignVerifyWithLookup(r, func(id string) (string, bool) { return old.Secret, id == old.ID })
	}
	if code != signature.ErrNone {
		e := signature.GetAPIError(code)
		return a, &apiError{e.Code, e.HTTPStatusCode, e.Description}
	}
	// The signature covers the host, the path and the query as they came. From
	// here on they have one form.
	r.URL.Path, r.URL.RawPath = a.path(), ""
	if presigned {
		if err := unpackHeaders(r); err != nil {
			return a, err
		}
	}
	if c.op, err = decide(r, a.level()); err != nil {
		return a, err
	}
	switch {
	case r.Method == http.MethodDelete, r.Method == http.MethodPost:
		c.head = Delete
	case r.Method == http.MethodPut && c.op.header == "":
		c.head = Write
	default:
		c.head = Read
	}
	if err := s.checkVersions(r, a); err != nil {
		return a, err
	}
	c.when = conditions(r)
	return a, s.decode(r, c, presigned)
}

// checkRequest refuses requests that could mean two things.
func (s *Store) checkRequest(r *http.Request) (address, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
	default:
		return address{}, refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "the method %.20q is not allowed here", r.Method)
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil { // the signature's reader drops what it cannot parse
		return address{}, refuse(http.StatusBadRequest, "InvalidURI", "couldn't parse the specified URI")
	}
	return s.addressOf(r)
}

// unpackHeaders makes headers of the x-amz-* parameters of a presigned URL.
// Clients put headers there that the signature must cover, and S3 reads them so.
func unpackHeaders(r *http.Request) error {
	q := r.URL.Query()
	for name, values := range q {
		if !strings.HasPrefix(strings.ToLower(name), "x-amz-") || listed(name, anyParams) {
			continue
		}
		if have, ok := r.Header[http.CanonicalHeaderKey(name)]; ok && !slices.Equal(have, values) || len(values) != 1 {
			return refuse(http.StatusBadRequest, "InvalidRequest", "%.60q has two values", name)
		}
		r.Header.Set(name, values[0])
		q.Del(name)
	}
	r.URL.RawQuery = q.Encode()
	return nil
}
