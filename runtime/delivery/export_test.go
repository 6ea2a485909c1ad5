package delivery

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// LookAnyway is the longest a worker goes without a look.
const LookAnyway = lookAnyway

// Looking has a worker look by itself after d and not after LookAnyway.
func Looking(after time.Duration) func(*Delivery) {
	return func(d *Delivery) { d.look, d.lookAlone = after, after }
}

// Overhear hands every statement that a worker sends to heard.
func Overhear(heard func(sql string)) func(*Delivery) {
	return func(d *Delivery) { d.use(listener{d.pool, heard}) }
}

type listener struct {
	database
	heard func(string)
}

func (l listener) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	l.heard(sql)
	return l.database.Exec(ctx, sql, args...)
}

func (l listener) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	l.heard(sql)
	return l.database.Query(ctx, sql, args...)
}

func (l listener) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	l.heard(sql)
	return l.database.QueryRow(ctx, sql, args...)
}

func (l listener) Begin(ctx context.Context) (pgx.Tx, error) {
	l.heard("begin")
	return l.database.Begin(ctx)
}
