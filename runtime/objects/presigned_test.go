package objects

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// TestGuard_PresignedHeaders holds that x-amz-* parameters of a presigned URL
// are headers, as in S3: some clients put there all that the signature covers.
func TestGuard_PresignedHeaders(t *testing.T) {
	s := openStore(t, withKey)
	put(t, s, "source", "value")
	h := s.Handler()
	for _, c := range []struct {
		path, header string
		status       int
	}{
		{"/box/meta?x-amz-meta-colour=green&x-amz-content-sha256=UNSIGNED-PAYLOAD&x-id=PutObject", "", 200},
		{"/box/copy?x-amz-copy-source=box/source", "", 200},
		{"/box/no?x-amz-server-side-encryption=aws:kms", "", 501},
		{"/box/no?x-amz-meta-a=1&x-amz-meta-a=2", "", 400},
		{"/box/no?x-amz-meta-a=1", "X-Amz-Meta-A", 403}, // the header is not signed
		{"/box/no?foo=1", "", 501},
	} {
		r := httptest.NewRequest("PUT", "http://127.0.0.1"+c.path, strings.NewReader("body"))
		r = signer.PreSignV4(*r, "admin", secret, "", "anywhere", 60)
		if c.header != "" {
			r.Header.Set(c.header, "2")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
	}
	o, err := s.stat(t.Context(), "box", "meta")
	if err != nil || o.Meta["X-Amz-Meta-Colour"] != "green" {
		t.Errorf("%+v, %v", o.Meta, err)
	}
	if got := get(t, s, "copy"); got != "value" {
		t.Errorf("the copy holds %q", got)
	}
	if status, _ := send(t, h, http.MethodGet, "/box/no", ""); status != http.StatusNotFound {
		t.Errorf("no: %d", status)
	}
	if status, _ := send(t, h, http.MethodPut, "/box/no?x-amz-meta-a=1", "body"); status != http.StatusNotImplemented {
		t.Errorf("a parameter of a request that is not presigned: %d", status)
	}
}
