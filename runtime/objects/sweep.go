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

// Sweep deletes multipart uploads older than UploadAge, and blobs that no row
// names, as a crash leaves them. It asks the index about files, never the other way
// round, so a row can not lose its blob to it. It returns how many of each it
// removed.
func (s *Store) Sweep(ctx context.Context) (uploads, blobs int, err error) {
	rows, err := s.Pool.Exec(ctx, `DELETE FROM objects.upload WHERE touched_at < now() - $1::interval`, s.UploadAge)
	if err != nil {
		return uploads, blobs, fmt.Errorf("sweep uploads: %w", err)
	}
	uploads = int(rows.RowsAffected())
	dirs, err := os.ReadDir(filepath.Join(s.Dir, "blobs"))
	if err != nil {
		return uploads, blobs, fmt.Errorf("sweep blobs: %w", err)
	}
	for _, d := range dirs {
		k, err := s.sweepDir(ctx, filepath.Join(s.Dir, "blobs", d.Name()))
		if err != nil {
			return uploads, blobs, fmt.Errorf("sweep blobs: %w", err)
		}
		blobs += k
	}
	return uploads, blobs, nil
}

// sweepDir removes the orphans of one folder. A file is one when it is old, it
// was not pending before the index was read, and no row names it. The age
// covers a commit whose outcome is not known yet.
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
		uploads, blobs, err := s.Sweep(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			s.Log.Error("sweep of the object store", "cause", err)
		case uploads+blobs > 0:
			s.Log.Info("swept the object store", "uploads", uploads, "blobs", blobs)
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
