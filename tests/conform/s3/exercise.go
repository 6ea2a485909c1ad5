// Package s3 says what an S3 store must do for us, as a test that any endpoint
// can be put through: the embedded store and MinIO pass the same one. It does
// not know how an endpoint keeps its objects.
package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Target is an endpoint to exercise.
type Target struct {
	Endpoint string // host:port, plain HTTP
	ID       string // an access key that may do everything
	Secret   string

	// Limit makes an access key that may read, write, list and delete what
	// starts with prefix in one bucket, and nothing else. nil leaves the tests
	// of limited keys out.
	Limit func(t *testing.T, bucket, prefix string) (id, secret string)

	// Exact is set for an endpoint that keeps any UTF-8 key as it is, holds
	// conditions on DELETE and refuses parameters that it does not know. MinIO
	// cleans its keys like paths and ignores those conditions and parameters.
	Exact bool
}

// region is the one requests are signed for; every target here takes any.
const region = "us-east-1"

// suite is one run against a target, in a bucket of its own.
type suite struct {
	Target
	*minio.Client
	core   *minio.Core
	bucket string
}

// Exercise runs the whole suite.
func Exercise(t *testing.T, target Target) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"keys", keys}, {"refused keys", refusedKeys}, {"metadata", metadata}, {"ranges", ranges},
		{"conditions", conditions}, {"overwrite", overwrite}, {"copy", copies}, {"delete", deletes},
		{"listing", listing}, {"parts", parts}, {"checksums", checksums}, {"tampering", tampering},
		{"presigned", presigned}, {"credentials", badCredentials}, {"limited key", limited}, {"odd requests", odd},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, open(t, target)) })
	}
}

func open(t *testing.T, target Target) *suite {
	t.Helper()
	s := &suite{Target: target, Client: client(t, target, target.ID, target.Secret), bucket: "conform-" + random()}
	s.core = &minio.Core{Client: s.Client}
	if err := s.MakeBucket(t.Context(), s.bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.empty(t) })
	return s
}

func client(t *testing.T, target Target, id, secret string) *minio.Client {
	t.Helper()
	target.ID, target.Secret = id, secret
	c, err := minioClient(target)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// minioClient signs every chunk and sends checksums in trailers, as minio-go
// does over plain HTTP.
func minioClient(target Target) (*minio.Client, error) {
	return minio.New(target.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(target.ID, target.Secret, ""), Region: region, MaxRetries: 1, TrailingHeaders: true})
}

func (s *suite) empty(t *testing.T) {
	ctx := context.Background()
	for o := range s.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if err := s.RemoveObject(ctx, s.bucket, o.Key, minio.RemoveObjectOptions{}); err != nil {
			t.Error(err)
		}
	}
	for u := range s.ListIncompleteUploads(ctx, s.bucket, "", true) {
		if err := s.core.AbortMultipartUpload(ctx, s.bucket, u.Key, u.UploadID); err != nil {
			t.Error(err)
		}
	}
	if err := s.RemoveBucket(ctx, s.bucket); err != nil {
		t.Errorf("remove the empty bucket: %v", err)
	}
}

func (s *suite) put(t *testing.T, key, value string) minio.UploadInfo {
	t.Helper()
	info, err := s.PutObject(t.Context(), s.bucket, key, strings.NewReader(value), int64(len(value)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return info
}

func (s *suite) get(t *testing.T, key string) string {
	t.Helper()
	value, err := s.read(t.Context(), key)
	if err != nil {
		t.Errorf("get %q: %v", key, err)
	}
	return value
}

func (s *suite) read(ctx context.Context, key string) (string, error) {
	o, err := s.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return "", err
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	return string(b), err
}

func (s *suite) absent(t *testing.T, key string) {
	t.Helper()
	if _, err := s.StatObject(t.Context(), s.bucket, key, minio.StatObjectOptions{}); code(err) != "NoSuchKey" {
		t.Errorf("%q should not be there: %v", key, err)
	}
}

func (s *suite) list(t *testing.T, o minio.ListObjectsOptions) (keys []string) {
	t.Helper()
	for info := range s.ListObjects(t.Context(), s.bucket, o) {
		if info.Err != nil {
			t.Fatal(info.Err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// code is the S3 code of an error, "" without one.
func code(err error) string {
	if err == nil {
		return ""
	}
	var e minio.ErrorResponse
	if errors.As(err, &e) {
		return e.Code
	}
	return err.Error()
}

func random() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// request is one that is still to be signed; key is escaped as in a URL. Its
// body is not part of the signature unless the caller says so.
func (s *suite) request(t *testing.T, method, key, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+s.Endpoint+"/"+s.bucket+"/"+key, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	return r
}

// answer sends a request as it is and gives its status, its body and the S3
// code in it.
func answer(t *testing.T, r *http.Request) (status int, code, body string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(b, []byte("<Code>"))
	c, _, _ := bytes.Cut(rest, []byte("</Code>"))
	return resp.StatusCode, string(c), string(b)
}
