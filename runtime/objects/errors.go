package objects

import (
	"fmt"
	"net/http"
)

// Error is a refusal in S3's words: its code (Amazon S3 API, "Error responses"),
// the HTTP status and a sentence for the client.
type Error struct {
	Code    string
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is makes two errors of one code equal, whatever their sentences.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

func refuse(status int, code, format string, args ...any) *Error {
	return &Error{code, status, fmt.Sprintf(format, args...)}
}

// The refusals that callers tell apart with errors.Is.
var (
	ErrNoSuchBucket   = refuse(http.StatusNotFound, "NoSuchBucket", "the specified bucket does not exist")
	ErrBucketExists   = refuse(http.StatusConflict, "BucketAlreadyOwnedByYou", "the bucket exists already")
	ErrBucketNotEmpty = refuse(http.StatusConflict, "BucketNotEmpty", "the bucket you tried to delete is not empty")
	ErrNoSuchKey      = refuse(http.StatusNotFound, "NoSuchKey", "the specified key does not exist")
	ErrNoSuchUpload   = refuse(http.StatusNotFound, "NoSuchUpload", "the specified upload does not exist; it may have been aborted or completed")
	ErrPrecondition   = refuse(http.StatusPreconditionFailed, "PreconditionFailed", "at least one of the conditions did not hold")
	ErrDenied         = refuse(http.StatusForbidden, "AccessDenied", "Access Denied")
	ErrFull           = refuse(http.StatusInsufficientStorage, "InsufficientStorage", "the disk has no room for this upload")
	ErrIncomplete     = refuse(http.StatusBadRequest, "IncompleteBody", "the body ended before the bytes it declared")
	ErrInvalidPart    = refuse(http.StatusBadRequest, "InvalidPart", "a part was not uploaded, or has another ETag")
	ErrPartOrder      = refuse(http.StatusBadRequest, "InvalidPartOrder", "the list of parts is not in ascending order")
	ErrKeyTooLong     = refuse(http.StatusBadRequest, "KeyTooLongError", "your key is longer than %d bytes", maxKey)
	ErrInvalidKey     = refuse(http.StatusBadRequest, "InvalidURI", "a key is UTF-8 without NUL, and not empty")
)
