package objects

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxParts is the highest part number (Amazon S3, "Multipart upload limits").
const maxParts = 10000

// multipart is an upload in parts that was begun. It lives in the index, so it
// outlives a restart.
type multipart struct {
	ID      string
	Bucket  string
	Key     string
	Meta    map[string]string
	Created time.Time

	done []byte // the ETag, once completed
}

// part is one part of an upload.
type part struct {
	Number   int
	Size     int64 // bytes
	Modified time.Time

	blob blobID
	md5  []byte
}

// ETag is the hexadecimal MD5 of the part's bytes.
func (p part) ETag() string { return hex.EncodeToString(p.md5) }

// beginMultipart starts an upload in parts.
func (s *Store) beginMultipart(ctx context.Context, bucket, key string, meta map[string]string) (multipart, error) {
	u := multipart{ID: newBlobID().String(), Bucket: bucket, Key: key, Meta: meta}
	if err := errors.Join(CheckKey(key), checkMeta(meta)); err != nil {
		return u, err
	}
	err := s.Pool.QueryRow(ctx, `INSERT INTO objects.upload (id, bucket, key, meta) VALUES ($1, $2, $3, $4) RETURNING created_at`,
		u.ID, bucket, []byte(key), meta).Scan(&u.Created)
	if isCode(err, foreignKey) {
		return u, errNoSuchBucket
	}
	if err != nil {
		return u, fmt.Errorf("begin upload: %w", err)
	}
	return u, nil
}

// upload finds one by its id and the place it was begun for.
func (s *Store) findMultipart(ctx context.Context, id, bucket, key string) (multipart, error) {
	u := multipart{ID: id, Bucket: bucket, Key: key}
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != len(blobID{}) {
		return u, errNoSuchUpload
	}
	err := s.Pool.QueryRow(ctx, `SELECT meta, created_at, etag FROM objects.upload WHERE id = $1 AND bucket = $2 AND key = $3`,
		id, bucket, []byte(key)).Scan(&u.Meta, &u.Created, &u.done)
	if errors.Is(err, pgx.ErrNoRows) {
		return u, errNoSuchUpload
	}
	if err != nil {
		return u, fmt.Errorf("find upload: %w", err)
	}
	return u, nil
}

// storePart stores a part, in place of an earlier one of its number. verify, if
// not nil, is asked once the body was read.
func (s *Store) storePart(ctx context.Context, u multipart, number int, body io.Reader, size int64, verify func() error) (part, error) {
	p := part{Number: number}
	if number < 1 || number > maxParts {
		return p, refuse(400, "InvalidArgument", "a part number is 1 to %d", maxParts)
	}
	b, err := s.write(ctx, body, size)
	if err != nil {
		return p, err
	}
	if verify != nil {
		if err := verify(); err != nil {
			s.discard(b)
			return p, err
		}
	}
	p.Size, p.blob, p.md5 = b.size, b.id, b.md5
	var old *blobID
	err = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var id string
		err := tx.QueryRow(ctx, `UPDATE objects.upload SET touched_at = now() WHERE id = $1 AND etag IS NULL RETURNING id`, u.ID).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNoSuchUpload
		}
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			WITH old AS (SELECT blob FROM objects.part WHERE upload = $1 AND number = $2)
			INSERT INTO objects.part (upload, number, blob, size, etag) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (upload, number) DO UPDATE SET blob = excluded.blob, size = excluded.size, etag = excluded.etag, modified_at = now()
			RETURNING modified_at, (SELECT blob FROM old)`, u.ID, number, p.blob, p.Size, p.md5).Scan(&p.Modified, &old)
	})
	s.finishPending(b, err)
	if err != nil {
		return p, fmt.Errorf("store part: %w", err)
	}
	if old != nil {
		s.remove(*old)
	}
	return p, nil
}

// finishPending ends a blob's wait for its transaction: a blob whose transaction
// surely failed goes; one whose fate is unknown is left to Sweep.
func (s *Store) finishPending(b blob, err error) {
	if err != nil && !commitUnknown(err) {
		s.discard(b)
	}
	s.pending.Delete(b.id)
}

// parts lists the parts of an upload above a number, at most n.
func (s *Store) parts(ctx context.Context, u multipart, above, n int) ([]part, error) {
	rows, err := s.Pool.Query(ctx, `SELECT number, size, modified_at, blob, etag FROM objects.part WHERE upload = $1 AND number > $2 ORDER BY number LIMIT $3`, u.ID, above, n)
	if err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p part, err error) {
		err = row.Scan(&p.Number, &p.Size, &p.Modified, &p.blob, &p.md5)
		return p, err
	})
}

// abort drops an upload and its parts.
func (s *Store) abort(ctx context.Context, u multipart) error {
	var gone []blobID
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// The upload's row first, as everybody who touches parts does.
		if _, err := tx.Exec(ctx, `SELECT FROM objects.upload WHERE id = $1 FOR UPDATE`, u.ID); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `DELETE FROM objects.part WHERE upload = $1 RETURNING blob`, u.ID)
		if err != nil {
			return err
		}
		if gone, err = pgx.CollectRows(rows, pgx.RowTo[blobID]); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM objects.upload WHERE id = $1`, u.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("abort upload: %w", err)
	}
	for _, id := range gone {
		s.remove(id)
	}
	return nil
}

// multiparts lists uploads that were begun and not completed, by key and id,
// above a place.
func (s *Store) multiparts(ctx context.Context, bucket, prefix, key, id string, n int) ([]multipart, error) {
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != len(blobID{}) {
		id = strings.Repeat("f", 2*len(blobID{})) // the whole key is behind us
	}
	rows, err := s.Pool.Query(ctx, `
		SELECT replace(id::text, '-', ''), key, created_at FROM objects.upload
		WHERE bucket = $1 AND key >= $2 AND ($3::bytea IS NULL OR key < $3) AND (key, id) > ($4, $5) AND etag IS NULL
		ORDER BY key, id LIMIT $6`, bucket, []byte(prefix), prefixEnd([]byte(prefix)), []byte(key), id, n)
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (multipart, error) {
		u := multipart{Bucket: bucket}
		var key []byte
		err := row.Scan(&u.ID, &key, &u.Created)
		u.Key = string(key)
		return u, err
	})
}
