// Package pg gives a function its Postgres login: a small pool that is opened at
// the first use and reads the login from the secret file at each connect. It
// does not know any table.
package pg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/fault"
)

// The pool of one process. A function may run as many processes, and all of
// them share what the server allows to its role.
const (
	DefaultMaxConns    = 5
	DefaultIdleConns   = 2 // kept when nobody calls
	DefaultMaxLifetime = 5 * time.Minute
	lifetimeJitter     = 30 * time.Second // so that connections do not end together
	idleTimeout        = 30 * time.Second // of those beyond DefaultIdleConns
	connectTimeout     = 5 * time.Second
	healthCheckPeriod  = 15 * time.Second
)

// Tx is a transaction, as pgx has it.
type Tx = pgx.Tx

// Querier is a DB or a transaction.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// DB is a function's database. It is safe for any number of goroutines.
type DB struct {
	read func() (string, error)

	mu   sync.Mutex
	pool *pgxpool.Pool
}

// Open makes a DB that asks read for the login, a postgres:// URL, at each
// connect. It dials nothing and reads nothing: a secret may be mounted late.
func Open(read func() (string, error)) *DB { return &DB{read: read} }

// Close ends the connections. A later use opens new ones.
func (d *DB) Close() {
	d.mu.Lock()
	pool := d.pool
	d.pool = nil
	d.mu.Unlock()
	if pool != nil {
		pool.Close()
	}
}

// live gives the pool, and opens it at the first use.
func (d *DB) live() (*pgxpool.Pool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pool != nil {
		return d.pool, nil
	}
	login, err := d.login()
	if err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("set up the pool: %w", err)
	}
	cfg.ConnConfig = login
	cfg.MaxConns, cfg.MinIdleConns = DefaultMaxConns, DefaultIdleConns
	cfg.MaxConnLifetime, cfg.MaxConnLifetimeJitter = DefaultMaxLifetime, lifetimeJitter
	cfg.MaxConnIdleTime, cfg.HealthCheckPeriod = idleTimeout, healthCheckPeriod
	cfg.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		now, err := d.login()
		if err != nil {
			return err
		}
		c.Config = now.Config
		return nil
	}
	d.pool, err = pgxpool.NewWithConfig(context.Background(), cfg) // dials in the background
	return d.pool, err
}

// errLogin never holds the URL: it has a password in it.
var errLogin = errors.New("not a postgres:// URL")

func (d *DB) login() (*pgx.ConnConfig, error) {
	url, err := d.read()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "no_database_login", "the login of the database is not mounted").Because(err)
	}
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "bad_database_login", "the login of the database cannot be read").Because(errLogin)
	}
	cfg.ConnectTimeout = connectTimeout
	return cfg, nil
}

// Exec runs a statement and gives what it did.
func (d *DB) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return patiently(ctx, d, func(pool *pgxpool.Pool) (pgconn.CommandTag, error) { return pool.Exec(ctx, sql, args...) })
}

// Query runs a query; One and All read its rows.
func (d *DB) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return patiently(ctx, d, func(pool *pgxpool.Pool) (pgx.Rows, error) { return pool.Query(ctx, sql, args...) })
}

// QueryRow runs a query of one row. Its connection is given back by Scan.
func (d *DB) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	conn, err := patiently(ctx, d, func(pool *pgxpool.Pool) (*pgxpool.Conn, error) { return pool.Acquire(ctx) })
	if err != nil {
		return failedRow{err}
	}
	return row{conn.QueryRow(ctx, sql, args...), conn}
}

type failedRow struct{ err error }

// Scan gives the error that kept the query from running.
func (r failedRow) Scan(...any) error { return r.err }

type row struct {
	pgx.Row
	conn *pgxpool.Conn
}

// Scan reads the row and gives the connection back.
func (r row) Scan(to ...any) error {
	defer r.conn.Release()
	return r.Row.Scan(to...)
}

// maxFullWait bounds how long a call waits for a connection that the server
// refuses: the role has as many as it may, and one of the pool may become free;
// or the password is not the right one, and the secret is about to hold the one
// that the role was just given.
const maxFullWait = 2 * time.Second

// patiently runs what begins with a connection, and again while the server
// refuses one. Nothing has been sent by then.
func patiently[T any](ctx context.Context, d *DB, run func(*pgxpool.Pool) (T, error)) (result T, err error) {
	pool, err := d.live()
	if err != nil {
		return result, err
	}
	for began, pause := time.Now(), 10*time.Millisecond; ; pause *= 2 {
		result, err = run(pool)
		if code := Code(err); code != tooManyConnections && code != wrongPassword || time.Since(began) > maxFullWait {
			return result, err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return result, err
		}
	}
}

// transactionAttempts bounds how often a transaction that lost against another
// one (SQLSTATE class 40) runs again.
const transactionAttempts = 3

// Do runs work in a transaction: committed when work returns nil, rolled back
// otherwise. It runs again when Postgres ended it in favour of another one, so
// work does nothing that a rollback does not undo.
func (d *DB) Do(ctx context.Context, work func(Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := d.once(ctx, work)
		if code := Code(err); attempt == transactionAttempts || code != serializationFailure && code != deadlockDetected {
			return err
		}
	}
}

func (d *DB) once(ctx context.Context, work func(Tx) error) error {
	conn, err := patiently(ctx, d, func(pool *pgxpool.Pool) (*pgxpool.Conn, error) { return pool.Acquire(ctx) })
	if err != nil {
		return err
	}
	defer conn.Release()
	return pgx.BeginFunc(ctx, conn, work)
}

// One reads the only row of a query into a struct, by the names of its db tags.
// It returns ErrNoRows when there is none.
func One[T any](ctx context.Context, q Querier, sql string, args ...any) (T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		var zero T
		return zero, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
}

// All reads every row of a query. The query has a limit.
func All[T any](ctx context.Context, q Querier, sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}
