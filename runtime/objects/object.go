package objects

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// Object is what the index knows of one.
type Object struct {
	Bucket   string
	Key      string
	Size     int64             // bytes
	Meta     map[string]string // by canonical header name: Content-Type, X-Amz-Meta-*, ...
	Modified time.Time

	blob      blobID
	md5       []byte
	sequencer int64
}

// ETag is the hexadecimal MD5 of the object's bytes, however it was uploaded.
func (o Object) ETag() string { return hex.EncodeToString(o.md5) }

// DefaultContentType is what an object without a type is served as, so that
// nobody guesses one from its bytes.
const DefaultContentType = "application/octet-stream"

// Put stores an object and replaces the one of that key. size is -1 when it is
// not known. when, if not nil, sees the object that is there (nil without one)
// inside the transaction; its error leaves everything as it was.
func (s *Store) Put(ctx context.Context, bucket, key string, meta map[string]string, body io.Reader, size int64, when Condition) (Object, error) {
	return s.put(ctx, bucket, key, meta, body, size, change{name: Put, when: when})
}

func (s *Store) put(ctx context.Context, bucket, key string, meta map[string]string, body io.Reader, size int64, c change) (Object, error) {
	if err := errors.Join(CheckKey(key), checkMeta(meta)); err != nil {
		return Object{}, err
	}
	b, err := s.write(ctx, body, size)
	if err != nil {
		return Object{}, err
	}
	if c.proof != nil {
		if err := c.proof(meta); err != nil {
			s.discard(b)
			return Object{}, err
		}
	}
	c.next = &Object{Bucket: bucket, Key: key, Size: b.size, Meta: meta, blob: b.id, md5: b.md5}
	return s.commit(ctx, bucket, key, c)
}

// checkMeta refuses what JSON cannot hold as it is, and fills in the type.
func checkMeta(meta map[string]string) error {
	for k, v := range meta {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return refuse(400, "InvalidArgument", "metadata is not UTF-8")
		}
	}
	if meta != nil && meta["Content-Type"] == "" {
		meta["Content-Type"] = DefaultContentType
	}
	return nil
}

// Copy makes dst an object with the bytes of src and the metadata given.
func (s *Store) Copy(ctx context.Context, srcBucket, srcKey, bucket, key string, meta map[string]string, when Condition) (Object, error) {
	if err := errors.Join(CheckKey(key), checkMeta(meta)); err != nil {
		return Object{}, err
	}
	src, f, err := s.Open(ctx, srcBucket, srcKey)
	if err != nil {
		return Object{}, err
	}
	defer f.Close()
	b, err := s.link(src)
	if err != nil { // replaced meanwhile, or a filesystem without links: f still has the bytes
		if b, err = s.write(ctx, f, src.Size); err != nil {
			return Object{}, err
		}
	}
	next := &Object{Bucket: bucket, Key: key, Size: b.size, Meta: meta, blob: b.id, md5: b.md5}
	return s.commit(ctx, bucket, key, change{name: Copied, when: when, next: next})
}

// Remove deletes an object. One that is not there is a success without event.
func (s *Store) Remove(ctx context.Context, bucket, key string, when Condition) error {
	_, err := s.commit(ctx, bucket, key, change{name: Removed, when: when})
	return err
}

// Stat finds an object: ErrNoSuchKey without one.
func (s *Store) Stat(ctx context.Context, bucket, key string) (Object, error) {
	o := Object{Bucket: bucket, Key: key}
	err := s.Pool.QueryRow(ctx, `SELECT blob, size, etag, meta, modified_at, sequencer FROM objects.object WHERE bucket = $1 AND key = $2`,
		bucket, []byte(key)).Scan(&o.blob, &o.Size, &o.md5, &o.Meta, &o.Modified, &o.sequencer)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, ErrNoSuchKey
	}
	if err != nil {
		return o, fmt.Errorf("find object: %w", err)
	}
	return o, nil
}

// Open finds an object and opens its bytes. The file goes on giving them after
// the object was replaced or removed.
func (s *Store) Open(ctx context.Context, bucket, key string) (Object, *os.File, error) {
	var last blobID
	for {
		o, err := s.Stat(ctx, bucket, key)
		if err != nil {
			return o, nil, err
		}
		f, err := os.Open(s.path(o.blob))
		if err == nil {
			return o, f, nil
		}
		// Replaced between the two lines above: the index has the new blob now.
		// The same one missing twice is a loss.
		if !errors.Is(err, fs.ErrNotExist) || o.blob == last {
			return o, nil, fmt.Errorf("open blob of %q in %s: %w", key, bucket, err)
		}
		last = o.blob
	}
}
