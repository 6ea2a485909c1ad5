package objects

import (
	"fmt"
	"net/http"
)

// apiError is a refusal in S3's words: its code (Amazon S3 API, "Error responses"),
// the HTTP status and a sentence for the client.
type apiError struct {
	Code    string
	Status  int
	Message string
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

// Is makes two errors of one code equal, whatever their sentences.
func (e *apiError) Is(target error) bool {
	t, ok := target.(*apiError)
	return ok && t.Code == e.Code
}

func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{code, status, fmt.Sprintf(format, args...)}
}

// ErrFull means that a write would leave less than Config.MinFree on the disk.
var ErrFull error = refuse(http.StatusInsufficientStorage, "InsufficientStorage", "the disk has no space for this upload")

// Errors to compare with errors.Is.
var (
	errNoSuchBucket   = refuse(http.StatusNotFound, "NoSuchBucket", "the specified bucket does not exist")
	errBucketExists   = refuse(http.StatusConflict, "BucketAlreadyOwnedByYou", "the bucket exists already")
	errBucketNotEmpty = refuse(http.StatusConflict, "BucketNotEmpty", "the bucket you tried to delete is not empty")
	errNoSuchKey      = refuse(http.StatusNotFound, "NoSuchKey", "the specified key does not exist")
	errNoSuchUpload   = refuse(http.StatusNotFound, "NoSuchUpload", "the specified upload does not exist; it may have been aborted or completed")
	errPrecondition   = refuse(http.StatusPreconditionFailed, "PreconditionFailed", "at least one of the conditions did not hold")
	errDenied         = refuse(http.StatusForbidden, "AccessDenied", "Access Denied")
	errIncomplete     = refuse(http.StatusBadRequest, "IncompleteBody", "the body ended before the bytes it declared")
	errInvalidPart    = refuse(http.StatusBadRequest, "InvalidPart", "a part was not uploaded, or has another ETag")
	errPartOrder      = refuse(http.StatusBadRequest, "InvalidPartOrder", "the list of parts is not in ascending order")
	errKeyTooLong     = refuse(http.StatusBadRequest, "KeyTooLongError", "your key is longer than %d bytes", maxKey)
	errInvalidKey     = refuse(http.StatusBadRequest, "InvalidURI", "a key is UTF-8 without NUL, and not empty")
)
