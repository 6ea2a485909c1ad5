// Package s3test is as much of an S3 store as shows what a client sends and
// how it reads answers, for tests that may not need a service. It does not
// check signatures and keeps nothing; what a store promises is tested with the
// real one.
package s3test

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a store. Its zero value is empty and open to the key "key".
type Server struct {
	// Before, if set, sees every request before it is served, and answers it
	// itself when it returns true.
	Before func(http.ResponseWriter, *http.Request) bool

	mu    sync.Mutex
	items map[string]item
	puts  []string
}

type item struct {
	header http.Header
	body   []byte
}

// Start serves the store until the test ends and gives the URL with its key.
func (s *Server) Start(t testing.TB) string {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "http://", "http://key:s%2Fcret@", 1)
}

// Add puts an object there without a request; path is bucket/key.
func (s *Server) Add(path, contentType string, body []byte) (etag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	etag = fmt.Sprintf("%x", md5.Sum(body))
	s.put(path, http.Header{"Content-Type": {contentType}, "Etag": {`"` + etag + `"`}}, body)
	return etag
}

// Remove removes an object.
func (s *Server) Remove(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.items, "/"+path)
}

// Object gives an object's headers and bytes.
func (s *Server) Object(path string) (http.Header, []byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.items["/"+path]
	return i.header, i.body, ok
}

// Paths lists what is there, as bucket/key, sorted.
func (s *Server) Paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for p := range s.items {
		all = append(all, p[1:])
	}
	slices.Sort(all)
	return all
}

// Puts lists the objects written over HTTP, in order.
func (s *Server) Puts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.puts)
}

func (s *Server) put(path string, h http.Header, body []byte) {
	if s.items == nil {
		s.items = map[string]item{}
	}
	s.items["/"+path] = item{h, body}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Before != nil && s.Before(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=key/"):
		Answer(w, r, 403, "AccessDenied")
	case strings.HasPrefix(r.URL.Path, "/nowhere/"):
		Answer(w, r, 404, "NoSuchBucket")
	case r.Method == http.MethodPut:
		s.receive(w, r)
	default:
		s.give(w, r)
	}
}

func (s *Server) receive(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	sum := md5.Sum(b)
	if err != nil || r.Header.Get("Content-Md5") != base64.StdEncoding.EncodeToString(sum[:]) {
		Answer(w, r, 400, "BadDigest")
		return
	}
	h := http.Header{"Content-Type": {r.Header.Get("Content-Type")}, "Etag": {fmt.Sprintf("\"%x\"", sum)}}
	for k, v := range r.Header {
		if strings.HasPrefix(k, "X-Amz-Meta-") {
			h[k] = v
		}
	}
	s.put(r.URL.Path[1:], h, b)
	s.puts = append(s.puts, r.URL.Path[1:])
	w.Header().Set("Etag", h.Get("Etag"))
}

func (s *Server) give(w http.ResponseWriter, r *http.Request) {
	i, ok := s.items[r.URL.Path]
	if !ok {
		Answer(w, r, 404, "NoSuchKey")
		return
	}
	if m := r.Header.Get("If-Match"); m != "" && m != i.header.Get("Etag") {
		Answer(w, r, 412, "PreconditionFailed")
		return
	}
	maps.Copy(w.Header(), i.header)
	w.Header().Set("Last-Modified", time.Unix(1_800_000_000, 0).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Length", fmt.Sprint(len(i.body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(i.body) // the client may hang up
	}
}

// Answer is an error as S3 stores write it; one to HEAD has no body.
func Answer(w http.ResponseWriter, r *http.Request, status int, code string) {
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>no</Message></Error>`, code)
	}
}
