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

// mapError turns any error into the client's, and logs the ones that are ours.
func (s *Store) mapError(ctx context.Context, err error) *apiError {
	var (
		ours  *apiError
		body  *payload.Error
		known gofakes3.Error
		down  *pgconn.ConnectError
	)
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &body):
		return &apiError{body.Code, body.Status, body.Message}
	case errors.As(err, &known):
		return &apiError{string(known.ErrorCode()), known.ErrorCode().Status(), known.Error()}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return errIncomplete
	case errors.As(err, &down):
		s.Log.Error("the object store's index does not answer", "cause", err, "request_id", callOf(ctx).id())
		return refuse(http.StatusServiceUnavailable, "ServiceUnavailable", "please reduce your request rate")
	}
	s.Log.Error("object store", "cause", err, "request_id", callOf(ctx).id())
	return errInternal
}

// frontError gives an error to the front in its own type, and remembers the status,
// which the front may not know.
func (s *Store) frontError(ctx context.Context, err error) error {
	if err == nil {
		callOf(ctx).status = 0
		return nil
	}
	e := s.mapError(ctx, err)
	callOf(ctx).status = e.Status
	return &frontFailure{gofakes3.ErrorResponse{Code: gofakes3.ErrorCode(e.Code), Message: e.Message}, e}
}

// frontFailure is an Error that the front can write.
type frontFailure struct {
	gofakes3.ErrorResponse
	cause *apiError
}

func (t *frontFailure) Unwrap() error { return t.cause }
