// Package fault gives an error a kind, a stable code and a sentence the caller
// can act on. It does not know how an error travels: wire turns it into an HTTP
// answer, delivery reads that answer's status.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind says what sort of trouble an error is. It decides three things in one
// place: the HTTP status, whether an event is delivered again, and whether the
// cause is the caller's or ours.
type Kind int

// The kinds. A kind that Retriable reports true for may succeed when the same
// request is sent again unchanged.
const (
	Internal      Kind = iota // ours; the caller reads "internal error"
	Invalid                   // the request can never succeed as it is
	Unauthorized              // no proof, or a proof that does not hold
	Forbidden                 // known, and not allowed
	NotFound                  // names something that is not there
	Conflict                  // contradicts what is there
	TooLarge                  // over a size limit
	Unsupported               // a media type that is not read here
	Unprocessable             // well formed, and still impossible to carry out
	TooMany                   // the caller's limit is reached
	BadGateway                // what we called on gave no proper answer
	Unavailable               // something that is needed does not answer
	Timeout                   // the deadline passed
	NotAllowed                // a method that what is there does not have
	NotSupported              // a part of a protocol that nobody has here
	HeadTooLarge              // the headers are over their limit
	Failed                    // a condition that the request named does not hold
)

// kinds maps each Kind to its HTTP status (RFC 9110) and its default code.
var kinds = map[Kind]struct {
	status int
	code   string
}{
	Internal:      {http.StatusInternalServerError, "internal"},
	Invalid:       {http.StatusBadRequest, "invalid"},
	Unauthorized:  {http.StatusUnauthorized, "unauthorized"},
	Forbidden:     {http.StatusForbidden, "forbidden"},
	NotFound:      {http.StatusNotFound, "not_found"},
	Conflict:      {http.StatusConflict, "conflict"},
	TooLarge:      {http.StatusRequestEntityTooLarge, "too_large"},
	Unsupported:   {http.StatusUnsupportedMediaType, "unsupported"},
	Unprocessable: {http.StatusUnprocessableEntity, "unprocessable"},
	TooMany:       {http.StatusTooManyRequests, "too_many"},
	BadGateway:    {http.StatusBadGateway, "bad_gateway"},
	Unavailable:   {http.StatusServiceUnavailable, "unavailable"},
	Timeout:       {http.StatusGatewayTimeout, "timeout"},
	NotAllowed:    {http.StatusMethodNotAllowed, "method_not_allowed"},
	NotSupported:  {http.StatusNotImplemented, "not_implemented"},
	HeadTooLarge:  {http.StatusRequestHeaderFieldsTooLarge, "headers_too_large"},
	Failed:        {http.StatusPreconditionFailed, "precondition_failed"},
}

// Status is the HTTP status of the kind.
func (k Kind) Status() int { return kinds[k].status }

// Code is the kind's own stable code, used when an Error names no finer one.
func (k Kind) Code() string { return kinds[k].code }

// Retriable reports whether the same request may succeed later.
func (k Kind) Retriable() bool {
	switch k {
	case Internal, TooMany, BadGateway, Unavailable, Timeout:
		return true
	}
	return false
}

// Error is what a caller may read: Detail is a sentence for a person, Code a
// word for a program. Cause, when there is one, is for the log alone.
type Error struct {
	Kind   Kind
	Code   string
	Detail string
	Cause  error
	Wait   time.Duration // until it makes sense to try again; 0 when nobody knows
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Detail + ": " + e.Cause.Error()
	}
	return e.Detail
}

func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of a kind. The code is lower case with underscores and
// stays the same for ever; the detail is a sentence without a trailing stop.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Because attaches the cause that the log shall show and the caller shall not.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

// After says when it makes sense to try again, from now on. An answer carries it
// in whole seconds (RFC 9110 section 10.2.3).
func (e *Error) After(wait time.Duration) *Error {
	e.Wait = wait
	return e
}

// Of finds the Error in err's chain. An error that carries none is Internal,
// and its text stays in the log.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Code: Internal.Code(), Detail: "internal error", Cause: err}
}
