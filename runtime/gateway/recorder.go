package gateway

import (
	"net/http"
	"sync"
)

// recorder remembers the status that was sent.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 && code >= 200 {
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

// pool lends the proxy its copy buffers.
type pool struct{ p sync.Pool }

var buffers = &pool{sync.Pool{New: func() any { return new([32 << 10]byte) }}}

func (p *pool) Get() []byte  { return p.p.Get().(*[32 << 10]byte)[:] }
func (p *pool) Put(b []byte) { p.p.Put((*[32 << 10]byte)(b)) }
