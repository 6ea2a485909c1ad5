package gateway

import (
	"net/http"
	"sync"
	"time"
)

// recorder remembers the status that was sent, and waits for no client that
// takes nothing: each write, at most 32 KiB of the proxy's, has patience to be
// taken up.
type recorder struct {
	http.ResponseWriter
	patience time.Duration
	code     int
	until    time.Time // the connection's write deadline
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
	r.hurry()
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.code == 0 {
		r.code = http.StatusOK
	}
	r.hurry()
	return r.ResponseWriter.Write(b)
}

// hurry gives the client its time for the next write. Asking for the time is
// cheap, moving a deadline less so.
func (r *recorder) hurry() {
	if now := time.Now(); r.until.Sub(now) < r.patience/2 {
		r.until = now.Add(r.patience)
		_ = http.NewResponseController(r.ResponseWriter).SetWriteDeadline(r.until)
	}
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
