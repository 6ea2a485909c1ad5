package s3

import (
	"context"
	"errors"
	"net/http"

	"github.com/minio/minio-go/v7"

	"fnstore/kit/fault"
)

// failure gives a store's error its kind: not there (no_such_object,
// no_such_bucket), another content (object_changed), and everything that may
// be otherwise in a minute: no answer, a cut connection, a key that is just
// being rotated (s3_denied) or a store that is overloaded (s3_unavailable).
func failure(verb, bucket, key string, err error) error {
	name := bucket + "/" + key
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) { // the caller's own
		return fault.New(fault.Timeout, "s3_timeout", "the object store did not %s %s in time", verb, name).Because(err)
	}
	answer := minio.ToErrorResponse(err)
	switch {
	case answer.Code == minio.NoSuchBucket:
		return fault.New(fault.NotFound, "no_such_bucket", "there is no bucket %s", bucket).Because(err)
	case answer.StatusCode == http.StatusNotFound:
		return fault.New(fault.NotFound, "no_such_object", "there is no object %s", name).Because(err)
	case answer.StatusCode == http.StatusPreconditionFailed:
		return fault.New(fault.Conflict, "object_changed", "%s holds another object now", name).Because(err)
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
		return fault.New(fault.Unavailable, "s3_denied", "the object store does not allow this function to %s %s", verb, name).Because(err)
	case answer.StatusCode >= 400 && answer.StatusCode < 500 && answer.StatusCode != http.StatusTooManyRequests &&
		answer.StatusCode != http.StatusRequestTimeout && answer.StatusCode != http.StatusConflict:
		return fault.New(fault.Invalid, "s3_refused", "the object store refuses to %s %s", verb, name).Because(err)
	}
	return fault.New(fault.Unavailable, "s3_unavailable", "the object store did not %s %s", verb, name).Because(err)
}
