// Package golden plays recorded HTTP calls against a handler and compares the
// answers. One file is one case: a request as it travels, a line of dashes, the
// answer. It is for tests, and does not know what the calls mean.
package golden

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Case is one file. Lines end in \n. A body is what follows the empty line,
// byte for byte; the request's ends before the line of dashes.
type Case struct {
	Name   string
	Method string
	Target string
	Ask    http.Header
	Body   []byte
	Status int
	Answer http.Header // only the headers the file names are compared
	Want   []byte
}

// Run plays every *.http file of dir as a subtest. A folder without one is a
// failure: it would prove nothing.
func Run(t *testing.T, h http.Handler, dir string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.http"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden cases in %s (%v)", dir, err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".http")
		t.Run(name, func(t *testing.T) { play(t, h, path) })
	}
}

// play plays one file, for handlers that need a fresh world for each case.
func play(t *testing.T, h http.Handler, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(raw)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	r := httptest.NewRequest(c.Method, c.Target, bytes.NewReader(c.Body))
	r.Header = c.Ask
	if host := c.Ask.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != c.Status {
		t.Errorf("status %d, want %d", w.Code, c.Status)
	}
	for k, want := range c.Answer {
		if got := w.Header().Values(k); strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("%s: %q, want %q", k, got, want)
		}
	}
	if !bytes.Equal(w.Body.Bytes(), c.Want) {
		t.Errorf("body:\n%s\nwant:\n%s", w.Body.Bytes(), c.Want)
	}
}

// Parse reads one file's bytes.
func Parse(raw []byte) (*Case, error) {
	ask, answer, ok := cut(raw)
	if !ok {
		return nil, fmt.Errorf("no line of dashes between request and answer")
	}
	c := new(Case)
	first, h, body, err := message(ask)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	part := strings.Split(first, " ")
	if len(part) != 3 || part[0] == "" || !strings.HasPrefix(part[1], "/") || part[2] != "HTTP/1.1" {
		return nil, fmt.Errorf("request: the first line is not METHOD /path HTTP/1.1: %q", first)
	}
	// The line that httptest.NewRequest would panic over.
	if _, err := http.ReadRequest(bufio.NewReader(strings.NewReader(first + "\r\nHost: x\r\n\r\n"))); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	c.Method, c.Target, c.Ask, c.Body = part[0], part[1], h, body
	first, c.Answer, c.Want, err = message(answer)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	part = strings.SplitN(first, " ", 3)
	if len(part) < 2 || part[0] != "HTTP/1.1" {
		return nil, fmt.Errorf("answer: the first line is not HTTP/1.1 STATUS: %q", first)
	}
	if c.Status, err = strconv.Atoi(part[1]); err != nil || c.Status < 100 || c.Status > 999 {
		return nil, fmt.Errorf("answer: no status in %q", first)
	}
	return c, nil
}

// cut finds the first line of four dashes or more.
func cut(raw []byte) (ask, answer []byte, ok bool) {
	for at := 0; at < len(raw); {
		end := bytes.IndexByte(raw[at:], '\n')
		if end < 0 {
			break
		}
		line := raw[at : at+end]
		if len(line) >= 4 && len(bytes.Trim(line, "-")) == 0 {
			return bytes.TrimSuffix(raw[:at], []byte("\n")), raw[at+end+1:], true
		}
		at += end + 1
	}
	return nil, nil, false
}

func message(raw []byte) (first string, h http.Header, body []byte, err error) {
	head, body, _ := bytes.Cut(raw, []byte("\n\n"))
	lines := strings.Split(strings.TrimSuffix(string(head), "\n"), "\n")
	h = http.Header{}
	for _, l := range lines[1:] {
		k, v, ok := strings.Cut(l, ":")
		if !ok || k == "" {
			return "", nil, nil, fmt.Errorf("not a header: %q", l)
		}
		h.Add(k, strings.TrimSpace(v))
	}
	return lines[0], h, body, nil
}
