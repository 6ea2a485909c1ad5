package objects

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// Swept counts what a sweep removed.
type Swept struct {
	Uploads int // in parts, begun and left
	Blobs   int // that no row names
}

// Sweep drops uploads that nobody goes on with, and blobs that no row names:
// what a kill left behind. It asks the index about files, never the other way
// round, so a row can not lose its blob to it.
func (s *Store) Sweep(ctx context.Context) (n Swept, err error) {
	rows, err := s.Pool.Exec(ctx, `DELETE FROM objects.upload WHERE touched_at < now() - $1::interval`, s.UploadAge)
	if err != nil {
		return n, fmt.Errorf("sweep uploads: %w", err)
	}
	n.Uploads = int(rows.RowsAffected())
	dirs, err := os.ReadDir(filepath.Join(s.Dir, "blobs"))
	if err != nil {
		return n, fmt.Errorf("sweep blobs: %w", err)
	}
	for _, d := range dirs {
		k, err := s.sweepDir(ctx, filepath.Join(s.Dir, "blobs", d.Name()))
		if err != nil {
			return n, fmt.Errorf("sweep blobs: %w", err)
		}
		n.Blobs += k
	}
	return n, nil
}

// sweepDir removes the orphans of one folder. A file is one when it is old, it
// was not pending before the index was asked, and the index does not know it.
// Age covers the commit whose outcome nobody heard.
func (s *Store) sweepDir(ctx context.Context, dir string) (int, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	suspects := map[blobID]bool{}
	for _, f := range files {
		var id blobID
		if raw, err := hex.DecodeString(f.Name()); err != nil || copy(id[:], raw) != len(id) {
			continue // not ours
		}
		info, err := f.Info()
		if err != nil { // removed since it was listed
			continue
		}
		if _, waiting := s.pending.Load(id); !waiting && time.Since(info.ModTime()) >= s.OrphanAge {
			suspects[id] = true
		}
	}
	if len(suspects) == 0 {
		return 0, nil
	}
	ids := make([]blobID, 0, len(suspects))
	for id := range suspects {
		ids = append(ids, id)
	}
	rows, err := s.Pool.Query(ctx, `
		SELECT blob FROM objects.object WHERE blob = ANY ($1::uuid[])
		UNION ALL SELECT blob FROM objects.part WHERE blob = ANY ($1::uuid[])
		UNION ALL SELECT blob FROM objects.body WHERE blob = ANY ($1::uuid[])`, ids)
	if err != nil {
		return 0, err
	}
	known, err := pgx.CollectRows(rows, pgx.RowTo[blobID])
	if err != nil {
		return 0, err
	}
	for _, id := range known {
		delete(suspects, id)
	}
	n := 0
	for id := range suspects {
		if err := os.Remove(s.path(id)); err == nil {
			n++
		} else if !errors.Is(err, fs.ErrNotExist) {
			return n, err
		}
	}
	return n, nil
}

// SweepEvery sweeps now and then once per period, until ctx ends.
func (s *Store) SweepEvery(ctx context.Context, period time.Duration) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		n, err := s.Sweep(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			s.Log.Error("sweep of the object store", "cause", err)
		case n != (Swept{}):
			s.Log.Info("swept the object store", "uploads", n.Uploads, "blobs", n.Blobs)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// inTx runs do in a transaction that goes on if the client leaves.
func (s *Store) inTx(ctx context.Context, do func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return do(ctx, tx) })
}
