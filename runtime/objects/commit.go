package objects

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// condition decides on a write while the key is locked. old is the object that
// is there, nil without one.
type condition func(old *object) error

// change is one write to one key.
type change struct {
	name   string // of its event
	when   condition
	next   *object                             // nil removes
	also   func(context.Context, pgx.Tx) error // joins the transaction
	verify func(meta map[string]string) error  // runs before it, once the body was read
}

// commitTime bounds a transaction. Once a body has arrived its change is
// completed even if the client disconnects.
const commitTime = 30 * time.Second

// commit carries out a change: conditions, the row, OnChange and what else
// joins, in one transaction. Writers of one key take turns.
func (s *Store) commit(ctx context.Context, bucket, key string, c change) (o object, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	undo := func() {
		if c.next != nil {
			s.discard(blob{id: c.next.blob})
		}
	}
	defer func() { undo() }()

	tx, err := s.Pool.Begin(ctx)
	if err != nil {
		return o, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // does nothing after a commit
	old, err := lockKey(ctx, tx, bucket, key)
	if err != nil {
		return o, err
	}
	if c.when != nil {
		if err := c.when(old); err != nil {
			return o, err
		}
	}
	switch {
	case c.next != nil:
		o, err = upsert(ctx, tx, *c.next)
	case old == nil:
		return o, nil
	default:
		o, err = remove(ctx, tx, *old)
	}
	if err != nil {
		return o, err
	}
	s.at("swapped")
	if err := s.OnChange(ctx, tx, event(c.name, o)); err != nil {
		return o, fmt.Errorf("what follows from the change: %w", err)
	}
	if c.also != nil {
		if err := c.also(ctx, tx); err != nil {
			return o, err
		}
	}
	s.at("followed")
	if err := tx.Commit(ctx); err != nil {
		if commitUnknown(err) { // the commit may stand: Sweep asks the index later
			undo = func() {
				if c.next != nil {
					s.pending.Delete(c.next.blob)
				}
			}
		}
		return o, fmt.Errorf("commit: %w", err)
	}
	s.at("committed")
	undo = func() {}
	if c.next != nil {
		s.pending.Delete(c.next.blob)
	}
	if old != nil {
		s.remove(old.blob)
	}
	s.AfterChange(event(c.name, o))
	return o, nil
}

// lockKey waits for other writers of the key and reads what is there. The lock
// is on the key, since a row that does not exist cannot be locked.
func lockKey(ctx context.Context, tx pgx.Tx, bucket, key string) (*object, error) {
	h := fnv.New128a()
	h.Write([]byte("objects\x00" + bucket + "\x00" + key))
	id := int64(binary.BigEndian.Uint64(h.Sum(nil)))
	o := object{Bucket: bucket, Key: key}
	var batch pgx.Batch
	batch.Queue(`SELECT pg_advisory_xact_lock($1)`, id)
	batch.Queue(`SELECT blob, size, etag, meta, modified_at, sequencer FROM objects.object WHERE bucket = $1 AND key = $2`, bucket, []byte(key))
	results := tx.SendBatch(ctx, &batch)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return nil, fmt.Errorf("lock key: %w", err)
	}
	err := results.QueryRow().Scan(&o.blob, &o.Size, &o.md5, &o.Meta, &o.Modified, &o.sequencer)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, results.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("find object: %w", err)
	}
	return &o, results.Close()
}

func upsert(ctx context.Context, tx pgx.Tx, o object) (object, error) {
	if o.Meta == nil {
		o.Meta = map[string]string{"Content-Type": defaultContentType}
	}
	err := tx.QueryRow(ctx, `
		INSERT INTO objects.object AS o (bucket, key, blob, size, etag, meta, modified_at, sequencer)
		VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), nextval('objects.sequencer'))
		ON CONFLICT (bucket, key) DO UPDATE SET blob = excluded.blob, size = excluded.size, etag = excluded.etag,
			meta = excluded.meta, modified_at = excluded.modified_at, sequencer = excluded.sequencer
		RETURNING modified_at, sequencer`,
		o.Bucket, []byte(o.Key), o.blob, o.Size, o.md5, o.Meta).Scan(&o.Modified, &o.sequencer)
	if isCode(err, foreignKey) {
		return o, errNoSuchBucket
	}
	if err != nil {
		return o, fmt.Errorf("swap row: %w", err)
	}
	return o, nil
}

func remove(ctx context.Context, tx pgx.Tx, o object) (object, error) {
	err := tx.QueryRow(ctx, `DELETE FROM objects.object WHERE bucket = $1 AND key = $2 RETURNING clock_timestamp(), nextval('objects.sequencer')`,
		o.Bucket, []byte(o.Key)).Scan(&o.Modified, &o.sequencer)
	if err != nil {
		return o, fmt.Errorf("remove row: %w", err)
	}
	return o, nil
}

// SQLSTATEs (PostgreSQL, appendix A).
const (
	foreignKey = "23503"
	unique     = "23505"
)

func isCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

// commitUnknown is true for a failed COMMIT that the server may have carried out: it
// did not answer that it rolled back.
func commitUnknown(err error) bool {
	var pg *pgconn.PgError
	var ours *apiError
	return !errors.Is(err, pgx.ErrTxCommitRollback) && !errors.As(err, &pg) && !errors.As(err, &ours)
}
