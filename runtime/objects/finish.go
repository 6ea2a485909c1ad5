package objects

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jackc/pgx/v5"
)

// completion says how an upload is completed.
type completion struct {
	parts []part                                    // by number and ETag
	size  int64                                     // bytes of all of them; -1 when the client did not say
	wrap  func(io.Reader) (io.Reader, func() error) // checks the bytes; may be nil
	when  condition
}

// complete makes the object of the parts named. Asked again after it succeeded,
// it answers with the same ETag.
func (s *Store) complete(ctx context.Context, u multipart, f completion) (etag string, err error) {
	if u.done != nil {
		return hex.EncodeToString(u.done), nil
	}
	have, err := s.parts(ctx, u, 0, maxParts)
	if err != nil {
		return "", err
	}
	chosen, size, err := choose(have, f.parts)
	if err != nil {
		return "", err
	}
	if size > s.MaxObject {
		return "", refuse(400, "EntityTooLarge", "the parts exceed the maximum size of an object")
	}
	if f.size >= 0 && f.size != size {
		return "", refuse(400, "InvalidRequest", "the parts have %d bytes, x-amz-mp-object-size says %d", size, f.size)
	}
	src := &partReader{store: s, parts: chosen}
	defer src.Close()
	c := change{name: Complete, when: f.when}
	var gone []blobID
	c.also = func(ctx context.Context, tx pgx.Tx) error {
		gone = gone[:0]
		return s.finishUpload(ctx, tx, u, &gone)
	}
	body := io.Reader(src)
	if f.wrap != nil {
		var verify func() error
		body, verify = f.wrap(src)
		c.verify = func(map[string]string) error { return verify() }
	}
	o, err := s.put(ctx, u.Bucket, u.Key, u.Meta, body, size, c)
	if err != nil {
		return "", err
	}
	for _, id := range gone {
		s.remove(id)
	}
	return o.ETag(), nil
}

// finishUpload marks the upload as done in the object's transaction, and
// collects the blobs of its parts. The second of two that finish it at once
// finds it done.
func (s *Store) finishUpload(ctx context.Context, tx pgx.Tx, u multipart, gone *[]blobID) error {
	tag, err := tx.Exec(ctx, `
		UPDATE objects.upload SET touched_at = now(), etag = (SELECT etag FROM objects.object WHERE bucket = $2 AND key = $3)
		WHERE id = $1 AND etag IS NULL`, u.ID, u.Bucket, []byte(u.Key))
	if err != nil {
		return fmt.Errorf("finish upload: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errNoSuchUpload
	}
	rows, err := tx.Query(ctx, `DELETE FROM objects.part WHERE upload = $1 RETURNING blob`, u.ID)
	if err != nil {
		return fmt.Errorf("finish upload: %w", err)
	}
	*gone, err = pgx.CollectRows(rows, pgx.RowTo[blobID])
	return err
}

// choose matches the parts a client names with those it uploaded.
func choose(have, named []part) (chosen []part, size int64, err error) {
	byNumber := make(map[int]part, len(have))
	for _, p := range have {
		byNumber[p.Number] = p
	}
	last := 0
	for _, n := range named {
		if n.Number <= last {
			return nil, 0, errPartOrder
		}
		last = n.Number
		p, ok := byNumber[n.Number]
		if !ok || p.ETag() != n.ETag() {
			return nil, 0, errInvalidPart
		}
		chosen, size = append(chosen, p), size+p.Size
	}
	if len(chosen) == 0 {
		return nil, 0, refuse(400, "MalformedXML", "an upload is completed with one part at least")
	}
	return chosen, size, nil
}

// partReader reads parts one after the other, with one file open at a time.
type partReader struct {
	store *Store
	parts []part
	open  *os.File
}

func (s *partReader) Read(p []byte) (int, error) {
	for {
		if s.open == nil {
			if len(s.parts) == 0 {
				return 0, io.EOF
			}
			f, err := os.Open(s.store.path(s.parts[0].blob))
			if errors.Is(err, os.ErrNotExist) { // replaced or completed meanwhile
				return 0, errInvalidPart
			}
			if err != nil {
				return 0, fmt.Errorf("open part: %w", err)
			}
			s.open, s.parts = f, s.parts[1:]
		}
		n, err := s.open.Read(p)
		if err == io.EOF {
			s.open.Close()
			s.open, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (s *partReader) Close() error {
	if s.open == nil {
		return nil
	}
	return s.open.Close()
}
