package objects

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"testing"
)

// TestMultipart_Encryption holds that an upload in parts is refused what a PUT is
// refused: encryption and locks that the store does not have.
func TestMultipart_Encryption(t *testing.T) {
	s := openStore(t, withKey)
	put(t, s, "k", "value")
	h := s.Handler()
	u, err := s.beginMultipart(t.Context(), "box", "up", map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range [][]string{
		{"X-Amz-Server-Side-Encryption", "aws:kms"},
		{"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "key"},
		{"X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256"},
		{"X-Amz-Server-Side-Encryption-Customer-Key", "a2V5"},
		{"X-Amz-Object-Lock-Mode", "GOVERNANCE"},
		{"X-Amz-Object-Lock-Retain-Until-Date", "2030-01-01T00:00:00Z"},
		{"X-Amz-Object-Lock-Legal-Hold", "ON"},
	} {
		for _, at := range [][]string{{"PUT", "/box/new"}, {"POST", "/box/new?uploads"}, {"PUT", "/box/up?partNumber=1&uploadId=" + u.ID}, {"POST", "/box/up?uploadId=" + u.ID}} {
			if status, code := send(t, h, at[0], at[1], "body", header...); status != http.StatusNotImplemented || code != "NotImplemented" {
				t.Errorf("%s %s with %s: %d %s", at[0], at[1], header[0], status, code)
			}
		}
	}
	if list, err := s.multiparts(t.Context(), "box", "", "", "", 10); err != nil || len(list) != 1 {
		t.Errorf("uploads: %+v, %v", list, err)
	}
	if n := blobs(t, s.Dir); n != 1 {
		t.Errorf("%d blobs", n)
	}
}

func TestMultipart_PartMD5(t *testing.T) {
	s := openStore(t, withKey)
	h := s.Handler()
	u, err := s.beginMultipart(t.Context(), "box", "up", map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	part := "/box/up?partNumber=1&uploadId=" + u.ID
	sum := md5.Sum([]byte("other"))
	for value, want := range map[string]string{base64.StdEncoding.EncodeToString(sum[:]): "BadDigest", "short": "InvalidDigest"} {
		if status, code := send(t, h, "PUT", part, "body", "Content-Md5", value); status != http.StatusBadRequest || code != want {
			t.Errorf("%s: %d %s, want %s", value, status, code, want)
		}
	}
	if list, err := s.parts(t.Context(), u, 0, 10); err != nil || len(list) != 0 {
		t.Errorf("parts: %+v, %v", list, err)
	}
	sum = md5.Sum([]byte("body"))
	if status, code := send(t, h, "PUT", part, "body", "Content-Md5", base64.StdEncoding.EncodeToString(sum[:])); status != http.StatusOK {
		t.Errorf("the right one: %d %s", status, code)
	}
	complete := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>841a2d689ad86bd1611447453c22c6fc</ETag></Part></CompleteMultipartUpload>"
	if status, code := send(t, h, "POST", "/box/up?uploadId="+u.ID, complete, "X-Amz-Mp-Object-Size", "5"); status != http.StatusBadRequest || code != "InvalidRequest" {
		t.Errorf("another size: %d %s", status, code)
	}
	if status, code := send(t, h, "POST", "/box/up?uploadId="+u.ID, complete, "X-Amz-Mp-Object-Size", "4"); status != http.StatusOK {
		t.Errorf("complete: %d %s", status, code)
	}
}
