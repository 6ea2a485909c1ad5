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

// object is what the index knows of one.
type object struct {
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
func (o object) ETag() string { return hex.EncodeToString(o.md5) }

// defaultContentType is what an object without a type is served as, so that
// nobody guesses one from its bytes.
const defaultContentType = "application/octet-stream"

// put stores an object and replaces the one of that key. size is -1 when it is
// not known.
func (s *Store) put(ctx context.Context, bucket, key string, meta map[string]string, body io.Reader, size int64, c change) (object, error) {
	if err := errors.Join(CheckKey(key), checkMeta(meta)); err != nil {
		return object{}, err
	}
	b, err := s.write(ctx, body, size)
	if err != nil {
		return object{}, err
	}
	if c.verify != nil {
		if err := c.verify(meta); err != nil {
			s.discard(b)
			return object{}, err
		}
	}
	c.next = &object{Bucket: bucket, Key: key, Size: b.size, Meta: meta, blob: b.id, md5: b.md5}
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
		meta["Content-Type"] = defaultContentType
	}
	return nil
}

// copyObject makes dst an object with the bytes of src and the metadata given.
func (s *Store) copyObject(ctx context.Context, srcBucket, srcKey, bucket, key string, meta map[string]string, when condition) (object, error) {
	if err := errors.Join(CheckKey(key), checkMeta(meta)); err != nil {
		return object{}, err
	}
	src, f, err := s.openObject(ctx, srcBucket, srcKey)
	if err != nil {
		return object{}, err
	}
	defer f.Close()
	b, err := s.link(src)
	if err != nil { // replaced meanwhile, or a filesystem without links: f still has the bytes
		if b, err = s.write(ctx, f, src.Size); err != nil {
			return object{}, err
		}
	}
	next := &object{Bucket: bucket, Key: key, Size: b.size, Meta: meta, blob: b.id, md5: b.md5}
	return s.commit(ctx, bucket, key, change{name: Copied, when: when, next: next})
}

// removeObject deletes an object. One that is not there is a success without event.
func (s *Store) removeObject(ctx context.Context, bucket, key string, when condition) error {
	_, err := s.commit(ctx, bucket, key, change{name: Removed, when: when})
	return err
}

// stat finds an object: errNoSuchKey without one.
func (s *Store) stat(ctx context.Context, bucket, key string) (object, error) {
	o := object{Bucket: bucket, Key: key}
	err := s.Pool.QueryRow(ctx, `SELECT blob, size, etag, meta, modified_at, sequencer FROM objects.object WHERE bucket = $1 AND key = $2`,
		bucket, []byte(key)).Scan(&o.blob, &o.Size, &o.md5, &o.Meta, &o.Modified, &o.sequencer)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, errNoSuchKey
	}
	if err != nil {
		return o, fmt.Errorf("find object: %w", err)
	}
	return o, nil
}

// openObject finds an object and opens its bytes. The file goes on giving them after
// the object was replaced or removed.
func (s *Store) openObject(ctx context.Context, bucket, key string) (object, *os.File, error) {
	var last blobID
	for {
		o, err := s.stat(ctx, bucket, key)
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
