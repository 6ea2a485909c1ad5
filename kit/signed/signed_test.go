package signed_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/signed"
)

func TestOnly_WhatIsSigned(t *testing.T) {
	const key = "0123456789abcdef0123456789abcdef"
	dir := t.TempDir()
	t.Setenv("secret_mount_path", dir)
	if err := os.WriteFile(filepath.Join(dir, caller.Secret), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	h := signed.Only(10, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	for _, c := range []struct {
		body, key string
		want      int
	}{{"hello", key, 200}, {"hello", "", 401}, {"hello", strings.Repeat("x", 32), 401}, {"longer than ten", key, 413}} {
		r := httptest.NewRequest("POST", "/a?b=c", strings.NewReader(c.body))
		if c.key != "" {
			caller.Sign(r.Header, c.key, "POST", "/a?b=c", []byte(c.body), time.Now())
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want || c.want == 200 && w.Body.String() != c.body {
			t.Errorf("%q with key %q: %d %s", c.body, c.key, w.Code, w.Body)
		}
	}
}
