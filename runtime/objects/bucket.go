package objects

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rclone/gofakes3"
)

// bucket is a name that objects are kept under.
type bucket struct {
	Name    string
	Created time.Time
}

// MakeBucket makes a bucket, or leaves the one of that name as it is.
func (s *Store) MakeBucket(ctx context.Context, name string) error {
	_, err := s.makeBucket(ctx, name)
	return err
}

func (s *Store) makeBucket(ctx context.Context, name string) (made bool, err error) {
	if err := gofakes3.ValidateBucketName(name); err != nil {
		return false, refuse(400, "InvalidBucketName", "%q cannot name a bucket: 3 to 63 of a-z, 0-9, - and .", name)
	}
	tag, err := s.Pool.Exec(ctx, `INSERT INTO objects.bucket (name) VALUES ($1) ON CONFLICT DO NOTHING`, name)
	if err != nil {
		return false, fmt.Errorf("make bucket %s: %w", name, err)
	}
	return tag.RowsAffected() == 1, nil
}

// RemoveBucket removes an empty bucket, with uploads that were not completed.
func (s *Store) RemoveBucket(ctx context.Context, name string) error {
	tag, err := s.Pool.Exec(ctx, `DELETE FROM objects.bucket WHERE name = $1`, name)
	switch {
	case isCode(err, foreignKey):
		return errBucketNotEmpty
	case err != nil:
		return fmt.Errorf("remove bucket %s: %w", name, err)
	case tag.RowsAffected() == 0:
		return errNoSuchBucket
	}
	return nil
}

// buckets lists all buckets by name.
func (s *Store) buckets(ctx context.Context) ([]bucket, error) {
	rows, err := s.Pool.Query(ctx, `SELECT name, created_at FROM objects.bucket ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list buckets: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[bucket])
}

func (s *Store) bucketExists(ctx context.Context, name string) (ok bool, err error) {
	err = s.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM objects.bucket WHERE name = $1)`, name).Scan(&ok)
	if err != nil {
		return false, fmt.Errorf("find bucket: %w", err)
	}
	return ok, nil
}
