// Package flow tests the store the way people use it: the real binary with
// everything that belongs to it, reached over HTTP and S3 alone.
package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"fnstore/kit/queue"
	"fnstore/tests/docker/engine"
	"fnstore/tests/storetest"
)

// shared is the store that the tests use which leave it as they found it.
var shared *storetest.Store

// machine is the engine of the containers, nil where functions are processes.
var machine *engine.Engine

func TestMain(m *testing.M) {
	switch {
	case storetest.Elsewhere():
		os.Exit(run(m, storetest.Reach))
	case storetest.Backend() != "docker":
		os.Exit(run(m, func() (*storetest.Store, error) { return storetest.Open() }))
	}
	os.Exit(engine.Apart(func() int {
		var err error
		if machine, err = engine.Start(engine.Dir()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer machine.Stop()
		if err := os.Setenv("DOCKER_HOST", machine.Host); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return run(m, func() (*storetest.Store, error) { return storetest.Open() })
	}))
}

func run(m *testing.M, open func() (*storetest.Store, error)) int {
	var err error
	if shared, err = open(); err != nil {
		fmt.Fprintln(os.Stderr, "the store does not start:", err)
		return 1
	}
	code := m.Run()
	if err := shared.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// bucket is an S3 client of the store's operator.
func bucket(t *testing.T, s *storetest.Store) *minio.Client {
	t.Helper()
	u, err := url.Parse(s.S3Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(s.S3Access, s.S3Secret, ""), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// upload puts a file and gives the call id that its event will have.
func upload(t *testing.T, s *storetest.Store, key string, body []byte) (callID string) {
	t.Helper()
	callID = queue.CallID()
	_, err := bucket(t, s).PutObject(t.Context(), "uploads", key, bytes.NewReader(body), int64(len(body)),
		minio.PutObjectOptions{ContentType: "application/octet-stream", UserMetadata: map[string]string{"call-id": callID}})
	if err != nil {
		t.Fatalf("upload %s: %v", key, err)
	}
	return callID
}

// await waits until the call came to its end and tells how.
func await(t *testing.T, s *storetest.Store, callID string) queue.Progress {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		var p queue.Progress
		if status := system(ctx, t, s, "GET", "/system/calls/"+callID, "", &p); status != http.StatusOK {
			t.Fatalf("call %s: %d", callID, status)
		}
		if p.State == queue.Succeeded || p.State == queue.Failed {
			return p
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("call %s is still %+v\n%s", callID, p, s.Logs())
		}
	}
}

// thumbnail fetches what became of an upload.
func thumbnail(t *testing.T, s *storetest.Store, width int, key string) ([]byte, minio.ObjectInfo) {
	t.Helper()
	o, err := bucket(t, s).GetObject(t.Context(), "thumbnails", fmt.Sprintf("thumbnails/%dx/%s", width, key), minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	if err != nil {
		t.Fatalf("thumbnail %d of %s: %v", width, key, err)
	}
	info, err := o.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return b, info
}

// thumbnails counts those of the keys that begin so.
func thumbnails(t *testing.T, s *storetest.Store, key string) (n int) {
	t.Helper()
	for o := range bucket(t, s).ListObjects(t.Context(), "thumbnails", minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		if strings.Contains(o.Key, key) {
			n++
		}
	}
	return n
}

// system calls the operator's API.
func system(ctx context.Context, t *testing.T, s *storetest.Store, method, path, body string, v any) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(s.User, s.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v != nil && res.StatusCode < 300 {
		if err := json.Unmarshal(b, v); err != nil {
			t.Fatalf("%s %s: %s: %v", method, path, b, err)
		}
	}
	return res.StatusCode
}

// post calls a function as anybody may.
func post(t *testing.T, s *storetest.Store, path, body string) (int, string) {
	t.Helper()
	res, err := http.Post(s.URL+path, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}
