package function

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"fnstore/kit/golden"
)

func noSecret(string) (string, error) { return "", errors.New("not mounted") }

// Seed: R59, R61
func TestHandler_Golden(t *testing.T) {
	h, err := Open(func(string) string { return "" }, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	golden.Run(t, h, "testdata")
}

// Seed: R12, B74
func TestOpen_BadSettings(t *testing.T) {
	for name, value := range map[string]string{
		"cors_origins": "*", "limit_default": "lots", "limit_write": "1", "trusted_proxies": "10.0.0.0/99", "v1_sunset": "soon", "v1_deprecated": "2027", "token_alg": "RS256",
	} {
		if _, err := Open(func(n string) string { return map[string]string{name: value}[n] }, noSecret); err == nil || !strings.Contains(err.Error(), value) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

// Without its secrets the function says what it lacks, and what needs none works.
func TestServeHTTP_WithoutSecrets(t *testing.T) {
	h, err := Open(func(string) string { return "" }, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]int{"/public/status": 200, "/public/docs": 200, "/v1/users": 503} {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("Authorization", "Bearer a.b.c")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

func TestNewID_FollowsTime(t *testing.T) {
	var ids []string
	for i := range 100 {
		id := newID(time.UnixMilli(1_800_000_000_000 + int64(i)))
		if !uuid.MatchString(id) || id[14] != '7' {
			t.Fatal(id)
		}
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) {
		t.Error("ids are not in the order of time")
	}
}

func FuzzVersions(f *testing.F) {
	f.Add(`"1", W/"2", *`)
	f.Fuzz(func(t *testing.T, header string) {
		list, conditional := versions([]string{header})
		if !conditional || len(list) > len(header) {
			t.Errorf("%q: %v", header, list)
		}
	})
}
