package server

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

// The two paths of the function contract that never reach the handler.
const (
	healthPath = "/_/health"
	readyPath  = "/_/ready"
)

// open says to probes that requests are taken. Probes that run a command look
// for the lock file instead.
func (s *server) open() error {
	if !s.suppressLock {
		// Removed first and then created, never followed: /tmp may be shared.
		os.Remove(s.lock)
		f, err := os.OpenFile(s.lock, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o660)
		if err != nil {
			return fmt.Errorf("create lock file (suppress_lock=true does without): %w", err)
		}
		f.Close()
	}
	s.accepting.Store(true)
	return nil
}

// close says to probes that no more requests are wanted. It may be called twice.
func (s *server) close() {
	if s.accepting.CompareAndSwap(true, false) && !s.suppressLock {
		os.Remove(s.lock)
	}
}

// probe answers health and readiness; false means that the request is not one.
// It looks at the process alone: a database that is down must not make a
// platform restart every function.
func (s *server) probe(k *link, w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case healthPath:
		if onlyGet(w, r) {
			s.health(w)
		}
	case readyPath:
		if onlyGet(w, r) {
			s.ready(k, w, r)
		}
	default:
		return false
	}
	return true
}

func onlyGet(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet {
		return true
	}
	w.Header().Set("Allow", http.MethodGet)
	w.WriteHeader(http.StatusMethodNotAllowed)
	return false
}

func (s *server) health(w http.ResponseWriter) {
	ok := s.accepting.Load()
	if ok && !s.suppressLock {
		_, err := os.Lstat(s.lock)
		ok = err == nil
	}
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "OK")
}

func (s *server) ready(k *link, w http.ResponseWriter, r *http.Request) {
	switch {
	case !s.accepting.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
	case s.maxInflight > 0 && s.inflight.Load() >= s.maxInflight:
		s.refuse(w)
	case s.readyPath != "":
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = s.readyPath, "", ""
		r.RequestURI = s.readyPath
		s.run(newCall(s, k, w, r, false), r)
	}
}

// refuse says 429 in the words that clients of OpenFaaS know, and when to come
// again, which of-watchdog leaves out.
func (s *server) refuse(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/plain")
	h.Set("Retry-After", "1")
	h[internalHeader] = []string{"faas-middleware"}
	w.WriteHeader(http.StatusTooManyRequests)
	fmt.Fprintf(w, "Concurrent request limit exceeded. Max concurrent requests: %d\n", s.maxInflight)
}

// healthcheck is the exit code of a probe that is run as a command: an image
// from scratch has no cat to look for the lock file with.
func healthcheck(lookup func(string) (string, bool)) int {
	set, _ := readSettings(lookup)
	if _, err := os.Lstat(set.lock); err != nil {
		fmt.Fprintln(os.Stderr, "not taking requests:", err)
		return 1
	}
	return 0
}
