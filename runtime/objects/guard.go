package objects

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/signature"

	"fnstore/runtime/objects/payload"
)

// Handler speaks S3, path style and virtual-host style. Give it to a server
// directly: a mux would clean the dots and slashes out of keys. Limits on
// connections and headers are the server's.
//
// The guard in front lets a request through when its address and signature
// hold, its operation is in the table of those served (operations.go), and its
// body can be proven. What the key may touch is decided where it is touched
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
			a.fail(r, s.explain(r.Context(), err))
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
// puts a body in place that proves itself.
func (s *Store) admit(r *http.Request, c *call) (address, error) {
	a, err := s.shape(r)
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
	if code != signature.ErrNone {
		e := signature.GetAPIError(code)
		return a, &Error{e.Code, e.HTTPStatusCode, e.Description}
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

// shape refuses requests that could mean two things.
func (s *Store) shape(r *http.Request) (address, error) {
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

// decode wraps the body and rewrites the headers that spoke of its wrapping.
func (s *Store) decode(r *http.Request, c *call, presigned bool) error {
	var chain *payload.Chain
	if !presigned {
		chain = chunkChain(r, c.key)
	}
	described := r
	switch c.op.name {
	case "CompleteMultipartUpload":
		described = without(r, "X-Amz-Checksum-") // it is the object's, not this body's; uploads.go reads it
	case "PutObject":
		described = without(r, "Content-Md5") // the front hashes the body and compares
	}
	body, err := payload.New(described, presigned, chain, s.MaxObject)
	if err != nil {
		return err
	}
	c.body = body
	h := r.Header
	r.Body = &provenBody{s, r, body, r.Body}
	if n := body.Length(); n >= 0 {
		r.ContentLength = n
		h.Set("Content-Length", strconv.FormatInt(n, 10))
	}
	h.Set("X-Amz-Content-Sha256", payload.Unsigned)
	for _, name := range []string{"X-Amz-Decoded-Content-Length", "X-Amz-Trailer", "X-Amz-Checksum-Algorithm", "X-Amz-Sdk-Checksum-Algorithm"} {
		h.Del(name)
	}
	return nil
}

// chunkChain starts the chain of chunk signatures at a signature that was verified.
func chunkChain(r *http.Request, k *Key) *payload.Chain {
	auth := strings.ReplaceAll(r.Header.Get("Authorization"), " ", "")
	sv, code := signature.ParseSignV4(auth)
	_, credential, ok := strings.Cut(auth, "Credential="+k.ID+"/")
	scope, _, _ := strings.Cut(credential, ",")
	if code != signature.ErrNone || !ok {
		return nil
	}
	return payload.NewChain(k.Secret, r.Header.Get("X-Amz-Date"), scope, sv.Signature)
}

// provenBody is the body the front reads; its errors are ones the front can
// pass on.
type provenBody struct {
	store *Store
	r     *http.Request
	body  *payload.Body
	under io.Closer
}

func (b *provenBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err != nil && err != io.EOF {
		err = b.store.tell(b.r.Context(), err)
	}
	return n, err
}

func (b *provenBody) Close() error { return b.under.Close() }

// without gives a request without the headers whose names start with prefix.
func without(r *http.Request, prefix string) *http.Request {
	bare := *r
	bare.Header = r.Header.Clone()
	for name := range bare.Header {
		if strings.HasPrefix(name, prefix) {
			bare.Header.Del(name)
		}
	}
	return &bare
}
