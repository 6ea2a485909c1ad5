// Package objects is an S3 object store: bytes in files with random names, the
// index in Postgres. An object, its index row and the rows that Config.OnChange
// writes commit in one transaction. The package does not know what OnChange does.
//
// The steps of a PUT, and what a crash after each leaves:
//
//	write blobs/xx/<blob>, fsync        an orphan file, removed by Sweep
//	BEGIN, lock the key, conditions     an orphan file
//	replace the row, OnChange           an orphan file; the old object stays
//	COMMIT                              the new object; the old blob is an orphan
//	remove the old blob                 nothing
package objects

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Migrations holds the schema of the index, for goose, in the folder
// "migrations".
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Defaults of Config.
const (
	DefaultMaxObject = 5 << 30   // bytes; S3's own limit for one PUT
	DefaultMinFree   = 256 << 20 // bytes
	DefaultUploadAge = 24 * time.Hour
	DefaultOrphanAge = time.Hour
)

// Config is what Open needs.
type Config struct {
	Pool *pgxpool.Pool // a database with Migrations applied
	Dir  string        // the blobs; made when missing

	// OnChange is called inside the transaction of every change, after the
	// row was swapped. Its error undoes the change and fails the request.
	OnChange func(ctx context.Context, tx pgx.Tx, ev Event) error

	// AfterChange is called after the commit, to wake a reader of what OnChange
	// wrote. A crash between the two skips it.
	AfterChange func(ev Event)

	// Domains are host names under which buckets are addressed as
	// BUCKET.name, beside localhost. Requests for other hosts are refused.
	Domains []string

	Keys      []Key         // access keys; without any, every request is refused
	MaxObject int64         // bytes of one object
	MinFree   int64         // bytes of disk that uploads must leave free
	UploadAge time.Duration // an upload in parts is dropped this long after its last part
	OrphanAge time.Duration // a file that no row names is removed at this age
	Log       *slog.Logger
}

// Store is an object store. Its methods may be called from any goroutine.
type Store struct {
	Config
	lock    *os.File
	keys    keyring
	domains domains
	pending sync.Map // blobs that are written and not yet committed
	at      func(point string)
}

// ErrInUse is returned by Open when another Store has the folder.
var ErrInUse = errors.New("another store uses this folder")

// openObject makes the folders and takes the lock on them. Close it when done.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.MaxObject == 0 {
		c.MaxObject = DefaultMaxObject
	}
	if c.MinFree == 0 {
		c.MinFree = DefaultMinFree
	}
	if c.UploadAge == 0 {
		c.UploadAge = DefaultUploadAge
	}
	if c.OrphanAge == 0 {
		c.OrphanAge = DefaultOrphanAge
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.OnChange == nil {
		c.OnChange = func(context.Context, pgx.Tx, Event) error { return nil }
	}
	if c.AfterChange == nil {
		c.AfterChange = func(Event) {}
	}
	s := &Store{Config: c, at: func(string) {}}
	var err error
	if s.domains, err = newDomains(c.Domains); err != nil {
		return nil, err
	}
	if err := s.SetKeys(c.Keys); err != nil {
		return nil, err
	}
	if err := s.mkdirs(); err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	if err := s.lockDir(); err != nil {
		return nil, fmt.Errorf("open object store %s: %w", c.Dir, err)
	}
	if err := c.Pool.Ping(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("open object store's index: %w", err)
	}
	return s, nil
}

// lockDir locks the folder. The kernel releases the lock when the process ends,
// however it ends.
func (s *Store) lockDir() error {
	f, err := os.OpenFile(filepath.Join(s.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return ErrInUse
	}
	s.lock = f
	return nil
}

// Close releases the folder. It does not close the pool.
func (s *Store) Close() error { return s.lock.Close() }
