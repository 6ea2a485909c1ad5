package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

func parts(t *testing.T, s *suite) {
	const least = 5 << 20 // bytes of every part but the last
	ctx := t.Context()
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, "big é+", minio.PutObjectOptions{ContentType: "text/plain", UserMetadata: map[string]string{"A": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[int]string{1: strings.Repeat("a", least), 2: strings.Repeat("b", least), 3: "the end"}
	etags := map[int]string{}
	for _, n := range []int{3, 1, 2, 2} { // out of order, one of them twice
		p, err := s.core.PutObjectPart(ctx, s.bucket, "big é+", id, n, strings.NewReader(bodies[n]), int64(len(bodies[n])), minio.PutObjectPartOptions{})
		if err != nil {
			t.Fatal(err)
		}
		etags[n] = p.ETag
	}
	page, err := s.core.ListObjectParts(ctx, s.bucket, "big é+", id, 0, 2)
	if err != nil || len(page.ObjectParts) != 2 || !page.IsTruncated || page.ObjectParts[1].PartNumber != 2 {
		t.Errorf("first page of parts: %+v, %v", page, err)
	}
	page, err = s.core.ListObjectParts(ctx, s.bucket, "big é+", id, page.NextPartNumberMarker, 2)
	if err != nil || len(page.ObjectParts) != 1 || page.IsTruncated || page.ObjectParts[0].Size != 7 {
		t.Errorf("second page of parts: %+v, %v", page, err)
	}
	found := 0
	for u := range s.ListIncompleteUploads(ctx, s.bucket, "big é+", true) {
		if u.Err != nil || u.UploadID != id || u.Key != "big é+" {
			t.Errorf("listed %+v", u)
		}
		found++
	}
	if found != 1 {
		t.Errorf("%d uploads are listed", found)
	}
	complete := func(list ...minio.CompletePart) error {
		_, err := s.core.CompleteMultipartUpload(ctx, s.bucket, "big é+", id, list, minio.PutObjectOptions{})
		return err
	}
	if err := complete(minio.CompletePart{PartNumber: 1, ETag: etags[2]}); code(err) != "InvalidPart" {
		t.Errorf("complete with another's ETag: %v", err)
	}
	s.absent(t, "big é+")
	if err := complete(minio.CompletePart{PartNumber: 1, ETag: etags[1]}, minio.CompletePart{PartNumber: 2, ETag: etags[2]}, minio.CompletePart{PartNumber: 3, ETag: etags[3]}); err != nil {
		t.Fatal(err)
	}
	if got := s.get(t, "big é+"); got != bodies[1]+bodies[2]+bodies[3] {
		t.Errorf("the object has %d bytes", len(got))
	}
	if info, err := s.StatObject(ctx, s.bucket, "big é+", minio.StatObjectOptions{}); err != nil || info.ContentType != "text/plain" || info.UserMetadata["A"] != "1" {
		t.Errorf("its metadata: %+v, %v", info, err)
	}
	s.abortAndCopy(t)
}

func (s *suite) abortAndCopy(t *testing.T) {
	ctx := t.Context()
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, "gone", minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.core.AbortMultipartUpload(ctx, s.bucket, "gone", id); err != nil {
		t.Fatal(err)
	}
	if _, err := s.core.PutObjectPart(ctx, s.bucket, "gone", id, 1, strings.NewReader("x"), 1, minio.PutObjectPartOptions{}); code(err) != "NoSuchUpload" {
		t.Errorf("a part after the abort: %v", err)
	}
	if id, err = s.core.NewMultipartUpload(ctx, s.bucket, "piece", minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	s.put(t, "source", "0123456789")
	p, err := s.core.CopyObjectPart(ctx, s.bucket, "source", s.bucket, "piece", id, 1, 2, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.core.CompleteMultipartUpload(ctx, s.bucket, "piece", id, []minio.CompletePart{p}, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := s.get(t, "piece"); got != "234" {
		t.Errorf("a part of a range holds %q", got)
	}
	body := strings.Repeat("0123456789abcdef", 11<<16) // 11 MiB in 3 parts
	if _, err := s.PutObject(ctx, s.bucket, "large", strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{PartSize: 5 << 20}); err != nil {
		t.Fatal(err)
	}
	if got := s.get(t, "large"); got != body {
		t.Errorf("large has %d bytes", len(got))
	}
}

func checksums(t *testing.T, s *suite) {
	body := strings.Repeat("checked ", 20_000) // more than one chunk
	for _, c := range []minio.ChecksumType{minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumSHA1, minio.ChecksumSHA256, minio.ChecksumCRC64NVME} {
		if _, err := s.PutObject(t.Context(), s.bucket, c.String(), strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{Checksum: c, ContentEncoding: "br"}); err != nil {
			t.Errorf("%s: %v", c, err)
			continue
		}
		if got := s.get(t, c.String()); got != body {
			t.Errorf("%s: %d bytes, starting %.40q", c, len(got), got)
		}
		info, err := s.StatObject(t.Context(), s.bucket, c.String(), minio.StatObjectOptions{Checksum: true})
		if err != nil || checksumOf(info, c) != c.EncodeToString([]byte(body)) || info.Metadata.Get("Content-Encoding") != "br" {
			t.Errorf("%s: stat gives %q, %q, %v", c, checksumOf(info, c), info.Metadata.Get("Content-Encoding"), err)
		}
		if _, err := s.PutObject(t.Context(), s.bucket, "parts", strings.NewReader(body), -1, minio.PutObjectOptions{Checksum: c, PartSize: 5 << 20}); err != nil {
			t.Errorf("%s in parts: %v", c, err)
		}
	}
	for header, value := range map[string]string{"X-Amz-Checksum-Crc32c": "AAAAAA==", "Content-Md5": "AAAAAAAAAAAAAAAAAAAAAA=="} {
		r := s.request(t, http.MethodPut, "wrong", "body")
		r.Header.Set(header, value)
		if status, code, body := answer(t, signer.SignV4(*r, s.ID, s.Secret, "", region)); status != http.StatusBadRequest {
			t.Errorf("a wrong %s: %d %s %s", header, status, code, body)
		}
	}
	s.absent(t, "wrong")
}

func checksumOf(info minio.ObjectInfo, c minio.ChecksumType) string {
	return map[minio.ChecksumType]string{
		minio.ChecksumCRC32: info.ChecksumCRC32, minio.ChecksumCRC32C: info.ChecksumCRC32C, minio.ChecksumSHA1: info.ChecksumSHA1,
		minio.ChecksumSHA256: info.ChecksumSHA256, minio.ChecksumCRC64NVME: info.ChecksumCRC64NVME,
	}[c]
}

// flip changes one byte of a body on its way, after it was signed.
type flip struct {
	io.ReadCloser
	at int
}

func (f *flip) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if f.at >= 0 && f.at < n {
		p[f.at] ^= 1
	}
	f.at -= n
	return n, err
}

// tampering changes bodies after they were signed, in each of the ways a body
// is signed. None may be stored.
func tampering(t *testing.T, s *suite) {
	body := strings.Repeat("0123456789", 10_000)
	sum := sha256.Sum256([]byte(body))
	for name, sign := range map[string]func() *http.Request{
		"hash": func() *http.Request {
			r := s.request(t, http.MethodPut, "k", body)
			r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
			return signer.SignV4(*r, s.ID, s.Secret, "", region)
		},
		"chunks": func() *http.Request {
			return signer.StreamingSignV4(s.request(t, http.MethodPut, "k", body), s.ID, s.Secret, "", region, int64(len(body)), time.Now().UTC(), newHasher())
		},
		"chunks and trailer": func() *http.Request {
			r := s.request(t, http.MethodPut, "k", body)
			r.Trailer = http.Header{"X-Amz-Checksum-Crc32": {minio.ChecksumCRC32.EncodeToString([]byte(body))}}
			return signer.StreamingSignV4(r, s.ID, s.Secret, "", region, int64(len(body)), time.Now().UTC(), newHasher())
		},
	} {
		for _, at := range []int{-1, 1000, 70_000, 99_990} {
			r := sign()
			r.Body = &flip{r.Body, at}
			status, code, text := answer(t, r)
			if at < 0 {
				if status != http.StatusOK || s.get(t, "k") != body {
					t.Fatalf("%s, unchanged: %d %s", name, status, text)
				}
				if err := s.RemoveObject(t.Context(), s.bucket, "k", minio.RemoveObjectOptions{}); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if status != http.StatusBadRequest && status != http.StatusForbidden || code == "" {
				t.Errorf("%s, byte %d flipped: %d %s", name, at, status, text)
			}
			s.absent(t, "k")
		}
	}
	s.broken(t)
}

// broken ends an upload in the middle: the old value stays.
func (s *suite) broken(t *testing.T) {
	s.put(t, "k", "old")
	ctx, cancel := context.WithCancel(t.Context())
	r := s.request(t, http.MethodPut, "k", "").WithContext(ctx)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), breaks(cancel)))
	r.ContentLength = 2 << 20
	if _, err := http.DefaultTransport.RoundTrip(signer.SignV4(*r, s.ID, s.Secret, "", region)); err == nil {
		t.Error("half a body was answered")
	}
	if got := s.get(t, "k"); got != "old" {
		t.Errorf("after half an upload it is %.20q", got)
	}
}

type breaks func()

func (b breaks) Read([]byte) (int, error) { b(); return 0, errors.New("the client breaks off") }

// hasher is the hash that minio-go's signer asks for.
type hasher struct{ hash.Hash }

func (hasher) Close() {}

func newHasher() hasher { return hasher{sha256.New()} }
