package forward

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

// buffers are lent for the time that a body is passed on.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// answer is an answer's body. It gives the connection back at its end.
type answer struct {
	c    *conn
	r    *http.Request
	sent *sending
	from io.ReadCloser
	stop func() bool // ends the watch over the request's context
	last bool        // no call comes after this one
	over bool
}

func (a *answer) Read(b []byte) (int, error) {
	if a.over {
		return 0, io.EOF
	}
	n, err := a.from.Read(b)
	switch {
	case err == io.EOF:
		a.finish()
	case err == nil:
	case a.r.Context().Err() != nil:
		err = context.Cause(a.r.Context())
	}
	return n, err
}

// finish comes after the last byte. A connection whose request is not whole, or
// that has bytes nobody asked for, serves no further call.
func (a *answer) finish() {
	a.over = true
	whole := a.sent.whole()
	if !a.stop() || a.last || !whole || a.c.in.Buffered() > 0 {
		a.drop()
		return
	}
	a.c.release()
	a.c.keep()
}

// Close gives up what was not read, and the connection with it. The request's
// body is read no more when it returns.
func (a *answer) Close() error {
	if !a.over {
		a.over = true
		a.stop()
		a.drop()
	}
	return nil
}

func (a *answer) drop() {
	_ = a.c.Close()
	a.sent.end(a.r)
	a.c.release()
}

// tunnel is the body of an answer that changed the protocol: both directions of
// the connection.
type tunnel struct{ *answer }

func (t *tunnel) Read(b []byte) (int, error)  { return t.c.in.Read(b) }
func (t *tunnel) Write(b []byte) (int, error) { return t.c.Conn.Write(b) }

// CloseWrite ends the direction to the server alone.
func (t *tunnel) CloseWrite() error {
	if h, ok := t.c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close ends both directions. A Read may still be under way, so its buffer is
// nobody else's from now on.
func (t *tunnel) Close() error {
	t.stop()
	err := t.c.Close()
	t.sent.end(t.r)
	return err
}
