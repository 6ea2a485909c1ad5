// Package queue puts messages into the queue: each is a call of a function that
// was promised and must not be lost. A message exists when, and only when, the
// caller's transaction commits. The package does not know how a message is
// delivered (see queue/lease), what a dead letter is for (queue/deadletter), or
// what a message says.
package queue

import (
	"context"
	"embed"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Migrations is the schema queue, as goose reads it, in the folder migrations.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Channel is where NOTIFY says that a message may be waiting. It is a hint: a
// worker looks by itself as well, so a lost one costs seconds and no message.
const Channel = "fnstore_queue"

const (
	// MaxBody is the longest body a message may carry, in bytes.
	MaxBody = 10 << 20
	// MaxInline is the longest body that is kept in the message's row, in bytes.
	// A longer one goes to Bodies where there is one.
	MaxInline = 256 << 10
)

// DB is what the queue needs of Postgres. A pool, a connection and a
// transaction of pgx all have it.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Beginner is a DB that can start a transaction of its own.
type Beginner interface {
	DB
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Bodies keeps the bodies that are too long for a row.
type Bodies interface {
	// Put stores a body; it is there when, and only when, tx commits.
	Put(ctx context.Context, tx pgx.Tx, body []byte) (ref string, err error)
	Get(ctx context.Context, ref string) ([]byte, error)
	// Delete removes a body; one that is gone already is no error.
	Delete(ctx context.Context, ref string) error
}
