package objects

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7/pkg/signer"
)

const secret = "a-secret-of-the-tests"

func withKey(c *Config) { c.Keys = []Key{{ID: "admin", Secret: secret, Admin: true}} }

// answerOf signs a request to a host and gives the answer.
func answerOf(t *testing.T, h http.Handler, host, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://"+host+path, strings.NewReader(body))
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	query := r.URL.RawQuery
	signed := signer.SignV4(*r, "admin", secret, "", "anywhere")
	signed.URL.RawQuery = query // as it came, also when it is not sound
	w := httptest.NewRecorder()
	h.ServeHTTP(w, signed)
	return w
}

// send signs a request and gives its status and the S3 code in its answer.
func send(t *testing.T, h http.Handler, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	w := answerOf(t, h, "127.0.0.1", method, path, body, headers...)
	var e struct{ Code, RequestId string }
	raw, _ := io.ReadAll(w.Result().Body)
	if w.Code >= 400 && method != http.MethodHead {
		if err := xml.Unmarshal(raw, &e); err != nil || e.RequestId == "" || e.RequestId != w.Header().Get("X-Amz-Request-Id") {
			t.Errorf("%s %s: no S3 error: %s", method, path, raw)
		}
	}
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control") {
			t.Errorf("%s %s: %s is sent", method, path, name)
		}
	}
	return w.Code, e.Code
}

func TestGuard_ErrorsAreS3(t *testing.T) {
	s := openStore(t, withKey, func(c *Config) {
		c.OnChange = func(_ context.Context, _ pgx.Tx, ev Event) error {
			switch ev.Key {
			case "panics":
				panic("on purpose")
			case "fails":
				return io.ErrClosedPipe
			}
			return nil
		}
	})
	h := s.Handler()
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"PUT", "/box/k", 200, ""},
		{"PUT", "/box/panics", 500, "InternalError"},
		{"PUT", "/box/fails", 500, "InternalError"},
		{"HEAD", "/box/fails", 404, ""},
		{"GET", "/box/panics", 404, "NoSuchKey"},
		{"GET", "/nowhere/k", 404, "NoSuchBucket"},
		{"PUT", "/box", 409, "BucketAlreadyOwnedByYou"},
		{"PUT", "/B", 400, "InvalidBucketName"},
		{"DELETE", "/box", 409, "BucketNotEmpty"},
		{"POST", "/box", 501, "NotImplemented"},
		{"PATCH", "/box/k", 405, "MethodNotAllowed"},
		{"OPTIONS", "/box/k", 405, "MethodNotAllowed"},
		{"GET", "//box/k", 400, "InvalidURI"},
		{"GET", "/box?prefix=a;b", 400, "InvalidURI"},
	} {
		if status, code := send(t, h, c.method, c.path, "x"); status != c.status || code != c.code {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, code, c.status, c.code)
		}
	}
	if n := blobs(t, s.Dir); n != 1 {
		t.Errorf("%d blobs for one object", n)
	}
	s.MinFree = 1 << 62
	if status, code := send(t, h, "PUT", "/box/k", "x"); status != http.StatusInsufficientStorage || code != "InsufficientStorage" {
		t.Errorf("a full disk: %d %s", status, code)
	}
	s.MinFree, s.MaxObject = 1, 3
	if status, code := send(t, h, "PUT", "/box/k", "four"); status != http.StatusBadRequest || code != "EntityTooLarge" {
		t.Errorf("a long body: %d %s", status, code)
	}
	if status, code := send(t, h, "PUT", "/box/k", "x", "X-Amz-Meta-A", "\xff"); status != http.StatusBadRequest || code != "InvalidArgument" {
		t.Errorf("metadata that is not UTF-8: %d %s", status, code)
	}
	s.Pool.Close()
	if status, code := send(t, h, "GET", "/box/k", ""); status != http.StatusInternalServerError || code != "InternalError" {
		t.Errorf("without an index: %d %s", status, code)
	}
}

func TestSetKeys_Invalid(t *testing.T) {
	s := openStore(t)
	for name, keys := range map[string][]Key{
		"short id":     {{ID: "ab", Secret: secret}},
		"odd id":       {{ID: "a/b", Secret: secret}},
		"short secret": {{ID: "abc", Secret: "secret"}},
		"twice":        {{ID: "abc", Secret: secret}, {ID: "abc", Secret: secret}},
	} {
		if err := s.SetKeys(keys); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// FuzzGuard sends any path and query, signed: never a panic, never a 500.
func FuzzGuard(f *testing.F) {
	f.Add("GET", "/box/a", "list-type=2")
	f.Add("POST", "/box", "delete")
	f.Add("PUT", "/box/a", "uploadId=0&partNumber=1")
	f.Add("GET", "/box", "uploads&key-marker=a&upload-id-marker=zz")
	f.Add("GET", "/box", "list-type=2&delimiter=/&continuation-token=AA==&max-keys=0")
	f.Add("GET", "/box/a\xff", "versionId=%00")
	s := openStore(f, withKey)
	h := s.Handler()
	f.Fuzz(func(t *testing.T, method, path, query string) {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/", strings.NewReader("<a/>"))
		r.Method, r.URL.Path, r.URL.RawQuery = method, path, query
		r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		w := httptest.NewRecorder()
		signed := signer.SignV4(*r, "admin", secret, "", "anywhere")
		signed.URL.RawQuery = query
		h.ServeHTTP(w, signed)
		if w.Code == http.StatusInternalServerError {
			t.Fatalf("%q %q %q: %d %s", method, path, query, w.Code, w.Body)
		}
	})
}
