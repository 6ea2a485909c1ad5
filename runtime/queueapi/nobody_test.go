package queueapi_test

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var errNobody = errors.New("there is no database")

// nobody is a database that is away.
type nobody struct{}

func (nobody) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errNobody
}
func (nobody) Query(context.Context, string, ...any) (pgx.Rows, error) { return nil, errNobody }
func (nobody) QueryRow(context.Context, string, ...any) pgx.Row        { return nobody{} }
func (nobody) Scan(...any) error                                       { return errNobody }
