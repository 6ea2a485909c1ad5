// Package queue keeps messages: each is a call of a function that was promised
// and must not be lost. It puts them in within the caller's transaction, leases
// them to workers, and moves each to done or dead in one statement. It does not
// know how a call is made or what an answer means.
package queue

import (
	"context"
	"embed"
	"time"

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

// MaxBody is the longest body a message may carry, in bytes.
const MaxBody = 10 << 20

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

// Message is a call that waits for its turn, or is having it.
type Message struct {
	ID       int64
	Function string
	Group    string // "" for none
	Method   string
	Path     string // escaped, with the query; what the function sees
	Headers  map[string][]string
	Body     []byte
	CallID   string
	Callback string
	// Trusted says that the event plane itself made the message. Only such a
	// one is delivered with a signature: the queue must not turn a stranger's
	// call into one that a function believes.
	Trusted     bool
	CreatedAt   time.Time
	Deadline    time.Time // zero for none
	Attempt     int       // the number of this delivery, from 1
	MaxAttempts int
	Fence       int64
}

// Key names one lease of one message. A write with an old fence changes nothing.
type Key struct {
	ID    int64
	Fence int64
}

// Key gives the lease that this delivery holds.
func (m Message) Key() Key { return Key{m.ID, m.Fence} }
