package objects

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rclone/gofakes3"

	"fnstore/runtime/objects/payload"
)

var errInternal = refuse(http.StatusInternalServerError, "InternalError", "we encountered an internal error, please try again")

// explain turns any error into the client's, and logs the ones that are ours.
func (s *Store) explain(ctx context.Context, err error) *Error {
	var (
		ours  *Error
		body  *payload.Error
		known gofakes3.Error
		down  *pgconn.ConnectError
	)
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &body):
		return &Error{body.Code, body.Status, body.Message}
	case errors.As(err, &known):
		return &Error{string(known.ErrorCode()), known.ErrorCode().Status(), known.Error()}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return ErrIncomplete
	case errors.As(err, &down):
		s.Log.Error("the object store's index does not answer", "cause", err, "request_id", callOf(ctx).id())
		return refuse(http.StatusServiceUnavailable, "ServiceUnavailable", "please reduce your request rate")
	}
	s.Log.Error("object store", "cause", err, "request_id", callOf(ctx).id())
	return errInternal
}

// tell gives an error to the front in its own type, and remembers the status,
// which the front may not know.
func (s *Store) tell(ctx context.Context, err error) error {
	if err == nil {
		callOf(ctx).status = 0
		return nil
	}
	e := s.explain(ctx, err)
	callOf(ctx).status = e.Status
	return &told{gofakes3.ErrorResponse{Code: gofakes3.ErrorCode(e.Code), Message: e.Message}, e}
}

// told is an Error that the front can write.
type told struct {
	gofakes3.ErrorResponse
	cause *Error
}

func (t *told) Unwrap() error { return t.cause }
