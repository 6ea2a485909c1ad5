package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
)

// How slowly a client may send: the whole of its pauses may take patience, and
// each minRate bytes that arrive give back a second of it.
const (
	patience = 10 * time.Second
	minRate  = 1 << 10
)

// Margin is what the gateway waits longer than a function's own exec_timeout,
// so that it is the function that says so.
const Margin = 5 * time.Second

// pace bounds the time that the request's body takes to arrive. Only waiting
// for the client counts: a function that reads slowly is no fault of its.
func pace(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		r.Body = &paced{ReadCloser: r.Body, conn: http.NewResponseController(w), left: patience}
	}
}

type paced struct {
	io.ReadCloser
	conn *http.ResponseController
	left time.Duration
}

func (p *paced) Read(b []byte) (int, error) {
	began := time.Now()
	_ = p.conn.SetReadDeadline(began.Add(p.left)) // not supported by tests' recorders only
	n, err := p.ReadCloser.Read(b)
	p.left += time.Duration(n)*time.Second/minRate - time.Since(began)
	p.left = min(max(p.left, 0), patience)
	if err == io.EOF {
		// From here on the server watches the connection for the client's end.
		_ = p.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

// slow names a body that came too slowly.
func slow(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fault.New(fault.Invalid, "body_too_slow", "the body came too slowly: %d bytes a second are the least", minRate)
	}
	return err
}

// timeout is the longest a call of the function may take.
func (g *Gateway) timeout(s types.FunctionStatus) time.Duration {
	v := s.EnvVars["exec_timeout"]
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
	return max(g.cfg.Timeout, d+Margin)
}
