package pg

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnstore/kit/fault"
)

// ErrNoRows is what One returns when nothing matches.
var ErrNoRows = pgx.ErrNoRows

// The SQLSTATEs that are told apart (PostgreSQL documentation, appendix A).
const (
	uniqueViolation      = "23505"
	foreignKeyViolation  = "23503"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014"
	insufficientRight    = "42501"
	tooManyConnections   = "53300"
	wrongPassword        = "28P01"
)

// retryAfter is what a caller is told to wait when the database does not answer.
const retryAfter = 2 * time.Second

// Code is the SQLSTATE of an error, empty when the server did not send one.
func Code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// Violates reports whether err says that a unique constraint or index of that
// name has the value already.
func Violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == uniqueViolation && pg.ConstraintName == constraint
}

// Fault makes an error of the database one that a caller may read: its kind
// says whether the same request may succeed later. A fault stays what it is.
// What is the function's own mistake, such as bad SQL, stays internal.
func Fault(err error) error {
	var known *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, pgx.ErrNoRows):
		return fault.New(fault.NotFound, "not_found", "there is no such row")
	}
	switch code := Code(err); {
	case code == uniqueViolation, code == foreignKeyViolation:
		return fault.New(fault.Conflict, "conflict", "that contradicts what is stored")
	case strings.HasPrefix(code, "22"), strings.HasPrefix(code, "23"):
		return fault.New(fault.Invalid, "bad_value", "a value does not fit what is stored")
	case code == serializationFailure, code == deadlockDetected, code == lockNotAvailable:
		return fault.New(fault.Unavailable, "busy", "another change was in the way").Because(err).After(time.Second)
	case code == queryCanceled:
		return fault.New(fault.Timeout, "database_timeout", "the database took too long").Because(err)
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "28"), strings.HasPrefix(code, "53"), strings.HasPrefix(code, "57"), strings.HasPrefix(code, "25P"), code == "3D000", code == insufficientRight:
		return unavailable(err)
	case code != "":
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.New(fault.Timeout, "database_timeout", "no time was left for the database").Because(err)
	}
	return unavailable(err) // no answer: refused, reset, closed
}

func unavailable(err error) error {
	return fault.New(fault.Unavailable, "database_unavailable", "the database does not answer").Because(err).After(retryAfter)
}
