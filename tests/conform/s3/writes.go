package s3

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

func conditions(t *testing.T, s *suite) {
	var wins atomic.Int64
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			var o minio.PutObjectOptions
			o.SetMatchETagExcept("*")
			_, err := s.PutObject(t.Context(), s.bucket, "raced", strings.NewReader("x"), 1, o)
			switch code(err) {
			case "":
				wins.Add(1)
			case "PreconditionFailed":
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d of 40 made the object", wins.Load())
	}
	old := s.put(t, "k", "old")
	for etag, want := range map[string]string{"0123456789abcdef0123456789abcdef": "PreconditionFailed", old.ETag: ""} {
		var o minio.PutObjectOptions
		o.SetMatchETag(etag)
		if _, err := s.PutObject(t.Context(), s.bucket, "k", strings.NewReader("old"), 3, o); code(err) != want {
			t.Errorf("put if it is %s: %v, want %q", etag, err, want)
		}
	}
	var o minio.StatObjectOptions
	if err := o.SetMatchETagExcept(old.ETag); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StatObject(t.Context(), s.bucket, "k", o); minio.ToErrorResponse(err).StatusCode != http.StatusNotModified {
		t.Errorf("stat unless it is the same: %v", err)
	}
	if !s.Exact {
		return
	}
	if status, code, _ := s.deleteIf(t, "k", `"0123456789abcdef0123456789abcdef"`); status != http.StatusPreconditionFailed || code != "PreconditionFailed" {
		t.Errorf("delete if it is another: %d %s", status, code)
	}
	if got := s.get(t, "k"); got != "old" {
		t.Errorf("it is %q now", got)
	}
	if status, _, body := s.deleteIf(t, "k", old.ETag); status != http.StatusNoContent {
		t.Errorf("delete if it is this: %d %s", status, body)
	}
	s.absent(t, "k")
}

func (s *suite) deleteIf(t *testing.T, key, etag string) (int, string, string) {
	t.Helper()
	r := s.request(t, http.MethodDelete, key, "")
	r.Header.Set("If-Match", etag)
	return answer(t, signer.SignV4(*r, s.ID, s.Secret, "", region))
}

func copies(t *testing.T, s *suite) {
	key := "from é+ 1%.txt"
	if _, err := s.PutObject(t.Context(), s.bucket, key, strings.NewReader("value"), 5, minio.PutObjectOptions{ContentType: "text/plain", UserMetadata: map[string]string{"A": "1"}}); err != nil {
		t.Fatal(err)
	}
	src := minio.CopySrcOptions{Bucket: s.bucket, Object: key}
	for _, c := range []struct {
		dst minio.CopyDestOptions
		a   string
	}{
		{minio.CopyDestOptions{Object: "kept"}, "1"},
		{minio.CopyDestOptions{Object: "replaced", ReplaceMetadata: true, UserMetadata: map[string]string{"A": "2"}}, "2"},
		{minio.CopyDestOptions{Object: key, ReplaceMetadata: true, UserMetadata: map[string]string{"A": "3"}}, "3"}, // itself
	} {
		c.dst.Bucket = s.bucket
		if _, err := s.CopyObject(t.Context(), c.dst, src); err != nil {
			t.Fatalf("%s: %v", c.dst.Object, err)
		}
		info, err := s.StatObject(t.Context(), s.bucket, c.dst.Object, minio.StatObjectOptions{})
		if err != nil || info.UserMetadata["A"] != c.a || s.get(t, c.dst.Object) != "value" {
			t.Errorf("%s: %+v, %v", c.dst.Object, info.UserMetadata, err)
		}
	}
	s.put(t, key, "other")
	if got := s.get(t, "kept"); got != "value" {
		t.Errorf("the copy follows its source: %q", got)
	}
	src.MatchETag = "0123456789abcdef0123456789abcdef"
	if _, err := s.CopyObject(t.Context(), minio.CopyDestOptions{Bucket: s.bucket, Object: "no"}, src); code(err) != "PreconditionFailed" {
		t.Errorf("copy if it is another: %v", err)
	}
	if _, err := s.CopyObject(t.Context(), minio.CopyDestOptions{Bucket: s.bucket, Object: "no"}, minio.CopySrcOptions{Bucket: s.bucket, Object: "none"}); code(err) != "NoSuchKey" {
		t.Errorf("copy of nothing: %v", err)
	}
}

func deletes(t *testing.T, s *suite) {
	if err := s.RemoveObject(t.Context(), s.bucket, "never", minio.RemoveObjectOptions{}); err != nil {
		t.Errorf("removing nothing: %v", err)
	}
	objects := make(chan minio.ObjectInfo, 8)
	for _, key := range []string{"1", "2 é+", "3/<&>"} {
		s.put(t, key, "x")
		objects <- minio.ObjectInfo{Key: key}
	}
	objects <- minio.ObjectInfo{Key: "never"}
	close(objects)
	s.put(t, "stays", "x")
	for e := range s.RemoveObjects(t.Context(), s.bucket, objects, minio.RemoveObjectsOptions{}) {
		t.Errorf("remove %q: %v", e.ObjectName, e.Err)
	}
	if got := s.list(t, minio.ListObjectsOptions{Recursive: true}); !slices.Equal(got, []string{"stays"}) {
		t.Errorf("left: %q", got)
	}
	if err := s.RemoveBucket(t.Context(), s.bucket); code(err) != "BucketNotEmpty" {
		t.Errorf("remove a bucket that is not empty: %v", err)
	}
	if err := s.MakeBucket(t.Context(), s.bucket, minio.MakeBucketOptions{}); code(err) != "BucketAlreadyOwnedByYou" {
		t.Errorf("make it again: %v", err)
	}
	if ok, err := s.BucketExists(t.Context(), "none-"+random()); ok || err != nil {
		t.Errorf("a bucket nobody made: %v, %v", ok, err)
	}
	_, err := s.PutObject(t.Context(), "none-"+random(), "k", strings.NewReader("x"), 1, minio.PutObjectOptions{})
	if code(err) != "NoSuchBucket" {
		t.Errorf("put into it: %v", err)
	}
}

func listing(t *testing.T, s *suite) {
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprintf("n/%02d", i))
	}
	want = append(want, "z", "é", "A", "n.txt", "n/sub/a", "n/sub/b")
	for _, key := range want {
		s.put(t, key, "x")
	}
	slices.Sort(want)
	for _, v1 := range []bool{false, true} {
		if got := s.list(t, minio.ListObjectsOptions{Recursive: true, MaxKeys: 7, UseV1: v1}); !slices.Equal(got, want) {
			t.Errorf("v1 %v, pages of 7:\ngot  %q\nwant %q", v1, got, want)
		}
		got := s.list(t, minio.ListObjectsOptions{MaxKeys: 2, UseV1: v1})
		slices.Sort(got)
		if !slices.Equal(got, []string{"A", "n.txt", "n/", "z", "é"}) {
			t.Errorf("v1 %v, rolled up: %q", v1, got)
		}
	}
	got := s.list(t, minio.ListObjectsOptions{Prefix: "n/", MaxKeys: 5})
	slices.Sort(got)
	if len(got) != 31 || got[30] != "n/sub/" {
		t.Errorf("under n/: %q", got)
	}
	if got := s.list(t, minio.ListObjectsOptions{Recursive: true, StartAfter: "n/28"}); !slices.Equal(got, []string{"n/29", "n/sub/a", "n/sub/b", "z", "é"}) {
		t.Errorf("after n/28: %q", got)
	}
	if got := s.list(t, minio.ListObjectsOptions{Recursive: true, Prefix: "none/"}); len(got) > 0 {
		t.Errorf("under none/: %q", got)
	}
}
