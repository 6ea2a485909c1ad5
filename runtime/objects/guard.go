package objects

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/signature"

	"fnstore/runtime/objects/payload"
)

// Handler speaks S3, path style. Give it to a server directly: a mux would
// clean the dots and slashes out of keys. Limits on connections and headers
// are the server's.
//
// The guard in front lets a request through when its shape is sound, its
// signature holds and its body can be proven. What the key may touch is
// decided where it is touched (front.go), by the names that are used there.
func (s *Store) Handler() http.Handler {
	front := gofakes3.New(&front{s}, gofakes3.WithRequestID(rand.Uint64())).Server()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{header: w.Header()}
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
		if err := s.admit(r, c); err != nil {
			a.fail(r, s.explain(r.Context(), err))
			return
		}
		q := r.URL.Query()
		bucket, key := place(r.URL.Path)
		switch {
		case q.Has("uploadId") || q.Has("uploads"):
			if err := s.uploads(a, r, bucket, key); err != nil {
				a.fail(r, s.explain(r.Context(), err))
			}
		case r.Method == http.MethodPost && key == "" && !q.Has("delete"):
			a.fail(r, refuse(http.StatusNotImplemented, "NotImplemented", "uploads by HTML form are not supported"))
		default:
			front.ServeHTTP(a, r)
			a.WriteHeader(http.StatusOK) // when the front left that to the server
		}
	})
}

type callKey struct{}

// callOf finds the call; a context without one may do nothing.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{key: &Key{}}
}

// place splits a path as the front does.
func place(path string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return bucket, key
}

// admit checks everything about a request that does not need the store, and
// puts a body in place that proves itself.
func (s *Store) admit(r *http.Request, c *call) error {
	if err := shape(r); err != nil {
		return err
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
		return &Error{e.Code, e.HTTPStatusCode, e.Description}
	}
	switch {
	case r.Method == http.MethodDelete, r.Method == http.MethodPost:
		c.head = Delete
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") == "":
		c.head = Write
	default:
		c.head = Read
	}
	c.when = conditions(r)
	return s.decode(r, c, presigned)
}

// shape refuses requests that could mean two things.
func shape(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
	default:
		return refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "the method %.20q is not allowed here", r.Method)
	}
	p := r.URL.Path
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || !utf8.ValidString(p) || strings.ContainsRune(p, 0) {
		return ErrInvalidKey
	}
	if _, key := place(p); len(key) > maxKey {
		return ErrKeyTooLong
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil { // the signature's reader drops what it cannot parse
		return refuse(http.StatusBadRequest, "InvalidURI", "couldn't parse the specified URI")
	}
	return nil
}

// decode wraps the body and rewrites the headers that spoke of its wrapping.
func (s *Store) decode(r *http.Request, c *call, presigned bool) error {
	var chain *payload.Chain
	if !presigned {
		chain = chunkChain(r, c.key)
	}
	described := r
	if r.URL.Query().Has("uploadId") && r.Method == http.MethodPost {
		described = withoutChecksum(r) // it is the object's, not this body's; uploads.go reads it
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

func withoutChecksum(r *http.Request) *http.Request {
	bare := *r
	bare.Header = r.Header.Clone()
	for name := range bare.Header {
		if strings.HasPrefix(name, "X-Amz-Checksum-") {
			bare.Header.Del(name)
		}
	}
	return &bare
}
