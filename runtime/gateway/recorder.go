package gateway

import (
	"net/http"
	"sync"
)

// recorder remembers the status that was sent.
type recorder struct {
	http.ResponseWriter
	code    int
	problem string // code of the problem that was sent; "" for none
}

// WriteHeader passes no 1xx answers on but 101: they are hints, and a client
// that does not know them takes one for the answer.
func (r *recorder) WriteHeader(code int) {
	if code < 200 && code != http.StatusSwitchingProtocols {
		return
	}
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.code == 0 {
		r.code = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection, to flush.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// status is what was sent; 499 when nothing was, because the caller had gone.
func (r *recorder) status() int {
	if r.code == 0 {
		return 499
	}
	return r.code
}

// buffers are lent to copy bodies with.
var buffers = sync.Pool{New: func() any { return new([maxBuffered]byte) }}
