package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// everywhere are keys that every store takes; exact ones only a store to which
// a key is bytes.
var (
	everywhere = []string{
		"plain", "my photo é+.jpg", "50% off & more?=#;.txt", "日本語/🙂", ".hidden", "deep/er/still/x", "quote'\"<>",
		strings.Repeat("a", 200) + "/" + strings.Repeat("b", 200),
	}
	exact = []string{
		"a", "a/b", "a//b", "a/./b", "x/../y", "../../etc/passwd", "..", ".", "/lead", "//lead", "trailing/", "trailing//",
		"new\nline", "tab\there", "back\\slash", "bell\x01", ".sgwtmp/evil", "tmp/../blobs/00", " x ", "+", "%2e%2e%2f", "a\u00a0b",
		strings.Repeat("k", 1024), strings.Repeat("é", 512),
	}
)

func keys(t *testing.T, s *suite) {
	all := slices.Clone(everywhere)
	if s.Exact {
		all = append(all, exact...)
	}
	for _, key := range all {
		s.put(t, key, "value of "+key)
	}
	for _, key := range all {
		if got := s.get(t, key); got != "value of "+key {
			t.Errorf("%q holds %q", key, got)
		}
	}
	slices.Sort(all)
	if got := s.list(t, minio.ListObjectsOptions{Recursive: true}); !slices.Equal(got, all) {
		t.Errorf("listed\n%q, want\n%q", got, all)
	}
}

// refusedKeys are answered 400 and store nothing: minio-go would not send them.
func refusedKeys(t *testing.T, s *suite) {
	for name, escaped := range map[string]string{"NUL": "a%00b", "bad UTF-8": "a%ffb", "half a rune": "a%c3", "1025 bytes": strings.Repeat("k", 1025)} {
		status, code, body := answer(t, signer.SignV4(*s.request(t, http.MethodPut, escaped, "x"), s.ID, s.Secret, "", region))
		if status != http.StatusBadRequest || code == "" {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if got := s.list(t, minio.ListObjectsOptions{Recursive: true}); len(got) > 0 {
		t.Errorf("stored %q", got)
	}
}

func metadata(t *testing.T, s *suite) {
	o := minio.PutObjectOptions{
		ContentType: "text/css; charset=utf-8", CacheControl: "max-age=60", ContentDisposition: `attachment; filename="a b.css"`,
		ContentEncoding: "br", ContentLanguage: "de", UserMetadata: map[string]string{"Colour": "green", "X-Amz-Meta-Two": "2"},
	}
	if _, err := s.PutObject(t.Context(), s.bucket, "k", strings.NewReader("body"), 4, o); err != nil {
		t.Fatal(err)
	}
	info, err := s.StatObject(t.Context(), s.bucket, "k", minio.StatObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Content-Type": o.ContentType, "Cache-Control": o.CacheControl, "Content-Disposition": o.ContentDisposition,
		"Content-Encoding": "br", "Content-Language": "de", "X-Amz-Meta-Colour": "green", "X-Amz-Meta-Two": "2",
	} {
		got := info.Metadata.Get(name)
		if name == "Content-Type" {
			got = info.ContentType
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	sum := md5.Sum([]byte("body"))
	if info.ETag != hex.EncodeToString(sum[:]) || info.Size != 4 || info.LastModified.IsZero() {
		t.Errorf("stat says %+v", info)
	}
}

func ranges(t *testing.T, s *suite) {
	s.put(t, "k", "0123456789")
	s.put(t, "empty", "")
	for header, want := range map[string]string{"bytes=0-4": "01234", "bytes=5-": "56789", "bytes=-3": "789", "bytes=8-99": "89", "bytes=-99": "0123456789", "bytes=0-9223372036854775807": "0123456789"} {
		if status, _, body := s.ranged(t, "k", header); status != http.StatusPartialContent || body != want {
			t.Errorf("%s: %d %q, want %q", header, status, body, want)
		}
	}
	for key, header := range map[string]string{"k": "bytes=10-", "empty": "bytes=0-"} {
		if status, code, _ := s.ranged(t, key, header); status != http.StatusRequestedRangeNotSatisfiable || code != "InvalidRange" {
			t.Errorf("%s of %s: %d %s", header, key, status, code)
		}
	}
	if got := s.get(t, "empty"); got != "" {
		t.Errorf("empty holds %q", got)
	}
}

func (s *suite) ranged(t *testing.T, key, header string) (int, string, string) {
	t.Helper()
	r := s.request(t, http.MethodGet, key, "")
	r.Header.Set("Range", header)
	return answer(t, signer.SignV4(*r, s.ID, s.Secret, "", region))
}

// overwrite holds that a reader sees one whole value, however often it is
// replaced meanwhile.
func overwrite(t *testing.T, s *suite) {
	value := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 100_000) }
	s.put(t, "k", value(0))
	done := make(chan struct{})
	var readers sync.WaitGroup
	var reads atomic.Int64
	for range 4 {
		readers.Go(func() {
			for {
				got, err := s.read(t.Context(), "k")
				if err != nil || len(got) != 100_000 || !bytes.Equal([]byte(got), bytes.Repeat([]byte(got[:1]), 100_000)) {
					t.Errorf("read a mixture of %d bytes, %v", len(got), err)
					return
				}
				reads.Add(1)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 40 {
		s.put(t, "k", value(i+1))
	}
	close(done)
	readers.Wait()
	if reads.Load() == 0 {
		t.Error("nobody read")
	}
}
