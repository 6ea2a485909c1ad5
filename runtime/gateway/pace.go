package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"fnstore/kit/fault"
)

// minRate is how slowly a client may send, in bytes per second: so many that
// arrive give a second of its patience back.
const minRate = 1 << 10

// Margin is what the gateway waits longer than a function's own exec_timeout,
// so that it is the function that says so.
const Margin = 5 * time.Second

// pace bounds the time that the request's body takes to arrive. Only waiting
// for the client counts: a function that reads slowly is no fault of its.
// It gives nil when there is no body.
func (g *Gateway) pace(w http.ResponseWriter, r *http.Request) *paced {
	if r.ContentLength == 0 {
		return nil
	}
	p := &paced{ReadCloser: r.Body, conn: http.NewResponseController(w), left: g.cfg.BodyStall, most: g.cfg.BodyStall}
	r.Body = p
	return p
}

type paced struct {
	io.ReadCloser
	conn *http.ResponseController
	left time.Duration // that the client may still keep us waiting
	most time.Duration

	failed atomic.Pointer[error] // what ended the body before its end
	over   atomic.Bool           // it was read to its end
	given  atomic.Bool           // up: nobody wants more of it
}

// read reports that the body was read to its end; none is.
func (p *paced) read() bool { return p == nil || p.over.Load() }

// Close ends a Read that waits. The server closes the body itself.
func (p *paced) Close() error {
	p.given.Store(true)
	if !p.read() {
		_ = p.conn.SetReadDeadline(past)
	}
	return nil
}

var (
	past       = time.Unix(1, 0)
	noDeadline time.Time
)

func (p *paced) Read(b []byte) (int, error) {
	began := time.Now()
	_ = p.conn.SetReadDeadline(began.Add(p.left)) // not supported by tests' recorders only
	if p.given.Load() {
		_ = p.conn.SetReadDeadline(past) // Close's, that was just replaced
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := p.ReadCloser.Read(b)
	p.left += time.Duration(n)*time.Second/minRate - time.Since(began)
	p.left = min(max(p.left, 0), p.most)
	switch {
	case err == nil:
	case err != io.EOF:
		p.failed.CompareAndSwap(nil, &err)
	default:
		// From here on the server watches the connection for the client's end.
		p.over.Store(true)
		_ = p.conn.SetReadDeadline(noDeadline)
	}
	return n, err
}

// blame gives the client's part in a call that broke: a body that did not come
// as it should have. The server cancels such a request as if its client had
// gone, so the error that broke the call tells nothing. It is nil when the
// client did its part.
func (p *paced) blame() error {
	if p == nil {
		return nil
	}
	if err := p.failed.Load(); err != nil {
		return slow(fault.New(fault.Invalid, "body_unreadable", "the body ended early or was not framed as HTTP has it").Because(*err))
	}
	return nil
}

// slow names a body that came too slowly.
func slow(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fault.New(fault.Invalid, "body_too_slow", "the body came too slowly: send at least %d bytes a second", minRate)
	}
	return err
}

// timeout is the longest a call may take of a function with these variables; 0
// is no limit, which exec_timeout 0 asks for as the function server reads it.
func (g *Gateway) timeout(env map[string]string) time.Duration {
	v := env["exec_timeout"]
	if v == "" {
		return g.cfg.Timeout
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		n, err := strconv.Atoi(v) // bare numbers are seconds, as OpenFaaS reads them
		if err != nil {
			return g.cfg.Timeout
		}
		d = time.Duration(n) * time.Second
	}
	if d == 0 {
		return 0
	}
	return max(g.cfg.Timeout, d+Margin)
}
