package s3

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

func presigned(t *testing.T, s *suite) {
	key := "my photo é+.jpg"
	up, err := s.PresignedPutObject(t.Context(), s.bucket, key, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	send := func(method string, u *url.URL, body string, headers ...string) (int, string, string) {
		r, err := http.NewRequest(method, u.String(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return answer(t, r)
	}
	if status, _, body := send(http.MethodPut, up, "by URL"); status != http.StatusOK {
		t.Fatalf("put: %d %s", status, body)
	}
	down, err := s.PresignedGetObject(t.Context(), s.bucket, key, time.Minute, url.Values{"response-content-type": {"text/plain"}})
	if err != nil {
		t.Fatal(err)
	}
	if status, _, body := send(http.MethodGet, down, ""); status != http.StatusOK || body != "by URL" {
		t.Errorf("get: %d %s", status, body)
	}
	other := *down
	other.Path, other.RawPath = strings.Replace(down.Path, "photo", "other", 1), ""
	expired := signer.PreSignV4(*s.request(t, http.MethodPut, key, ""), s.ID, s.Secret, "", region, 1)
	q := expired.URL.Query()
	q.Set("X-Amz-Date", time.Now().Add(-time.Hour).UTC().Format("20060102T150405Z"))
	stale := *expired.URL
	stale.RawQuery = q.Encode()
	for name, c := range map[string]struct {
		method  string
		url     *url.URL
		headers []string
	}{
		"another method":       {http.MethodDelete, down, nil},
		"put with get's":       {http.MethodPut, down, nil},
		"another key":          {http.MethodGet, &other, nil},
		"an old one":           {http.MethodPut, &stale, nil},
		"a copy smuggled in":   {http.MethodPut, up, []string{"X-Amz-Copy-Source", s.bucket + "/" + key}},
		"metadata smuggled in": {http.MethodPut, up, []string{"X-Amz-Meta-A", "1"}},
	} {
		if status, code, body := send(c.method, c.url, "", c.headers...); status != http.StatusForbidden || code == "" {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if got := s.get(t, key); got != "by URL" {
		t.Errorf("it holds %q", got)
	}
}

func badCredentials(t *testing.T, s *suite) {
	s.put(t, "k", "value")
	status, code, _ := answer(t, s.request(t, http.MethodPut, "k", "anonymous"))
	if status != http.StatusForbidden || code != "AccessDenied" {
		t.Errorf("anonymous: %d %s", status, code)
	}
	r, err := http.NewRequest(http.MethodGet, "http://"+s.Endpoint+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, code, _ := answer(t, r); status != http.StatusForbidden || code != "AccessDenied" {
		t.Errorf("anonymous list of buckets: %d %s", status, code)
	}
	for want, c := range map[string]*minio.Client{
		"InvalidAccessKeyId":    client(t, s.Target, "nobody-"+random(), s.Secret),
		"SignatureDoesNotMatch": client(t, s.Target, s.ID, s.Secret+"x"),
	} {
		_, err := c.PutObject(t.Context(), s.bucket, "k", strings.NewReader("x"), 1, minio.PutObjectOptions{})
		if e := minio.ToErrorResponse(err); e.Code != want || e.StatusCode != http.StatusForbidden {
			t.Errorf("put: %d %v, want %s", e.StatusCode, err, want)
		}
	}
	old := signer.SignV4(*s.request(t, http.MethodPut, "k", "x"), s.ID, s.Secret, "", region)
	old.Header.Set("X-Amz-Date", time.Now().Add(-time.Hour).UTC().Format("20060102T150405Z"))
	if status, _, body := answer(t, old); status != http.StatusForbidden {
		t.Errorf("an old request: %d %s", status, body)
	}
	if got := s.get(t, "k"); got != "value" {
		t.Errorf("it is %q now", got)
	}
}

// limited holds a key to its bucket and prefix, by every road there is.
func limited(t *testing.T, s *suite) {
	if s.Limit == nil {
		return
	}
	id, secret := s.Limit(t, s.bucket, "mine/")
	other := open(t, s.Target)
	other.put(t, "secret", "secret")
	s.put(t, "theirs/k", "theirs")
	mine := &suite{Target: s.Target, Client: client(t, s.Target, id, secret), bucket: s.bucket}
	mine.core = &minio.Core{Client: mine.Client}
	ctx := t.Context()

	mine.put(t, "mine/k", "mine")
	if got := mine.get(t, "mine/k"); got != "mine" {
		t.Errorf("its own object holds %q", got)
	}
	if got := mine.list(t, minio.ListObjectsOptions{Prefix: "mine/", Recursive: true}); !slices.Equal(got, []string{"mine/k"}) {
		t.Errorf("its own list: %q", got)
	}
	denied := func(what string, err error) {
		t.Helper()
		if e := minio.ToErrorResponse(err); e.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, place := range []struct{ bucket, key string }{{s.bucket, "theirs/k"}, {s.bucket, "mine"}, {other.bucket, "secret"}, {other.bucket, "mine/k"}, {"none-" + random(), "mine/k"}} {
		where := place.bucket + "/" + place.key
		_, err := mine.core.Client.StatObject(ctx, place.bucket, place.key, minio.StatObjectOptions{})
		denied("stat "+where, err)
		_, err = mine.PutObject(ctx, place.bucket, place.key, strings.NewReader("x"), 1, minio.PutObjectOptions{})
		denied("put "+where, err)
		denied("remove "+where, mine.RemoveObject(ctx, place.bucket, place.key, minio.RemoveObjectOptions{}))
		_, err = mine.CopyObject(ctx, minio.CopyDestOptions{Bucket: s.bucket, Object: "mine/copy"}, minio.CopySrcOptions{Bucket: place.bucket, Object: place.key})
		denied("copy from "+where, err)
		_, err = mine.CopyObject(ctx, minio.CopyDestOptions{Bucket: place.bucket, Object: place.key}, minio.CopySrcOptions{Bucket: s.bucket, Object: "mine/k"})
		denied("copy to "+where, err)
		_, err = mine.core.NewMultipartUpload(ctx, place.bucket, place.key, minio.PutObjectOptions{})
		denied("upload to "+where, err)
	}
	up, err := mine.core.NewMultipartUpload(ctx, s.bucket, "mine/up", minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = mine.core.CopyObjectPart(ctx, other.bucket, "secret", s.bucket, "mine/up", up, 1, 0, 6, nil)
	denied("part copied from elsewhere", err)
	for _, prefix := range []string{"", "min", "theirs/"} {
		_, err := mine.core.ListObjectsV2(s.bucket, prefix, "", "", "/", 10)
		denied("list "+prefix, err)
	}
	denied("make a bucket", mine.MakeBucket(ctx, "new-"+random(), minio.MakeBucketOptions{}))
	denied("remove a bucket", mine.RemoveBucket(ctx, s.bucket))
	gone := make(chan minio.ObjectInfo, 2)
	gone <- minio.ObjectInfo{Key: "theirs/k"}
	gone <- minio.ObjectInfo{Key: "mine/k"}
	close(gone)
	for e := range mine.RemoveObjects(ctx, s.bucket, gone, minio.RemoveObjectsOptions{}) {
		if e.ObjectName != "theirs/k" || code(e.Err) != "AccessDenied" {
			t.Errorf("remove many: %+v", e)
		}
	}
	s.absent(t, "mine/k")
	if got := s.get(t, "theirs/k"); got != "theirs" {
		t.Errorf("theirs holds %q", got)
	}
	if s.Exact {
		buckets, err := mine.ListBuckets(ctx)
		if err != nil || len(buckets) != 1 || buckets[0].Name != s.bucket {
			t.Errorf("its buckets: %+v, %v", buckets, err)
		}
	}
}

// odd sends what no client sends. Nothing may end in a 5xx other than 501, and
// no bucket or object may be lost to it.
func odd(t *testing.T, s *suite) {
	s.put(t, "k", "value")
	for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"} {
		for _, path := range []string{"", "/", "//", "//k", "/k"} {
			for _, query := range []string{
				"?acl", "?policy", "?lifecycle", "?location=", "?uploads=1", "?uploadId=x", "?uploadId=&partNumber=0", "?partNumber=99999&uploadId=00000000000000000000000000000000",
				"?versionId=x", "?list-type=2&max-keys=-1", "?list-type=2&continuation-token=%%%", "?list-type=2&continuation-token=AA", "?max-keys=99999999999999999999",
				"?delete&x=;", "?tagging", "?attributes", "?encoding-type=none", "?prefix=%00&delimiter=%ff", "?versions&key-marker=", "?partNumber=1",
			} {
				if !s.Exact && (method == "PUT" || method == "DELETE") && (path == "/k" || path == "/" || path == "") && (query == "?versions&key-marker=" || strings.HasPrefix(query, "?max") ||
					strings.HasPrefix(query, "?list") || strings.HasPrefix(query, "?enc") || strings.HasPrefix(query, "?prefix") || query == "?partNumber=1") {
					continue // MinIO passes over parameters that mean nothing to a PUT or DELETE
				}
				r, err := http.NewRequest(method, "http://"+s.Endpoint+"/"+s.bucket+path, bytes.NewReader([]byte("<x>")))
				if err != nil {
					t.Fatal(err)
				}
				r.URL.RawQuery = strings.TrimPrefix(query, "?")
				r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
				r.Header.Set("Range", "bytes=9-1")
				resp, err := http.DefaultTransport.RoundTrip(signer.SignV4(*r, s.ID, s.Secret, "", region))
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
					t.Errorf("%s %s%s: %d %s", method, path, query, resp.StatusCode, body)
				}
			}
		}
	}
	if got := s.get(t, "k"); got != "value" {
		t.Errorf("it is %q now", got)
	}
}
