package objects

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jackc/pgx/v5"
)

// Bodies keeps bodies that belong to rows elsewhere and are too long for them,
// such as those of messages. They are in no bucket: no client of S3 sees them,
// no listing has them, and no event follows from them.
type Bodies struct{ store *Store }

// Bodies gives the store's bodies. tx of their methods is a transaction in the
// database of Config.Pool.
func (s *Store) Bodies() *Bodies { return &Bodies{s} }

// ErrNoBody is what Get gives for a body that was deleted, or whose transaction
// did not commit.
var ErrNoBody = errors.New("no such body")

// Put stores a body; it is there when, and only when, tx commits. Its bytes are
// durable before Put returns. When tx is rolled back, Sweep removes them; a
// transaction must end within Config.OrphanAge.
func (b *Bodies) Put(ctx context.Context, tx pgx.Tx, body []byte) (ref string, err error) {
	w, err := b.store.write(ctx, bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return "", fmt.Errorf("store body: %w", err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO objects.body (blob, size) VALUES ($1, $2)`, w.id, w.size); err != nil {
		b.store.discard(w)
		return "", fmt.Errorf("store body: %w", err)
	}
	b.store.pending.Delete(w.id)
	return w.id.String(), nil
}

// Get reads a body whole; ErrNoBody when there is none of that name.
func (b *Bodies) Get(ctx context.Context, ref string) ([]byte, error) {
	id, err := parseBlobID(ref)
	if err != nil {
		return nil, err
	}
	var size int64
	err = b.store.Pool.QueryRow(ctx, `SELECT size FROM objects.body WHERE blob = $1`, id).Scan(&size)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("body %s: %w", ref, ErrNoBody)
	}
	if err != nil {
		return nil, fmt.Errorf("find body %s: %w", ref, err)
	}
	f, err := os.Open(b.store.path(id))
	if errors.Is(err, os.ErrNotExist) && b.gone(ctx, id) { // deleted since its row was read
		return nil, fmt.Errorf("body %s: %w", ref, ErrNoBody)
	}
	if err != nil {
		return nil, fmt.Errorf("read body %s: %w", ref, err)
	}
	defer f.Close()
	body := make([]byte, size)
	if _, err := io.ReadFull(f, body); err != nil {
		return nil, fmt.Errorf("read body %s of %d bytes: %w", ref, size, err)
	}
	return body, nil
}

func (b *Bodies) gone(ctx context.Context, id blobID) bool {
	var there bool
	err := b.store.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM objects.body WHERE blob = $1)`, id).Scan(&there)
	return err == nil && !there
}

// Delete removes a body. One that is gone already is no error. A crash between
// the row and the file leaves the file to Sweep.
func (b *Bodies) Delete(ctx context.Context, ref string) error {
	id, err := parseBlobID(ref)
	if err != nil {
		return err
	}
	if _, err := b.store.Pool.Exec(ctx, `DELETE FROM objects.body WHERE blob = $1`, id); err != nil {
		return fmt.Errorf("delete body %s: %w", ref, err)
	}
	b.store.remove(id)
	return nil
}

func parseBlobID(ref string) (id blobID, err error) {
	if n, err := hex.Decode(id[:], []byte(ref[:min(len(ref), 2*len(id))])); err != nil || n != len(id) || len(ref) != 2*len(id) {
		return id, fmt.Errorf("%.40q is not the name of a body: %w", ref, ErrNoBody)
	}
	return id, nil
}
