package gateway

import (
	"net/http"
	"strconv"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
	"fnstore/runtime/express"
)

// refuse appends the answer of a call that is not begun.
func (g *Gateway) refuse(dst []byte, q *express.Request, err error) []byte {
	id := laneID(q)
	p := page{header: http.Header{wire.CallID: {id}}}
	fail(&p, &http.Request{Header: http.Header{wire.CallID: {id}}}, err)
	return p.append(dst, q)
}

// full appends the answer that the function's server would give, in the words
// that clients of OpenFaaS know. It is written without a header map: there may be
// many of them, when there is least time.
func (g *Gateway) full(dst []byte, q *express.Request, name string, most int64) []byte {
	start := time.Now()
	dst = append(appendStatus(dst, http.StatusTooManyRequests), express.Date(start)...)
	dst = append(append(dst, "Content-Type: text/plain\r\nRetry-After: 1\r\n"+internalHeader+": faas-middleware\r\n"+wire.CallID+": "...), laneID(q)...)
	dst = strconv.AppendInt(append(dst, "\r\nX-Start-Time: "...), start.UnixNano(), 10)
	dst = append(append(dst, "\r\nX-Served-By: "...), g.served[0]...)
	if q.Close {
		dst = append(dst, "\r\nConnection: close"...)
	}
	const says = "Concurrent request limit exceeded. Max concurrent requests: "
	var number [20]byte
	n := strconv.AppendInt(number[:0], most, 10)
	dst = strconv.AppendInt(append(dst, "\r\nContent-Length: "...), int64(len(says)+len(n)+1), 10)
	dst = append(append(append(append(dst, "\r\n\r\n"...), says...), n...), '\n')
	g.metrics.refused(g.metrics.of(name), http.StatusTooManyRequests, time.Since(start))
	return dst
}

// append appends the page as the answer to q.
func (p *page) append(dst []byte, q *express.Request) []byte {
	dst = append(appendStatus(dst, p.code), express.Date(time.Now())...)
	for name, values := range p.header {
		for _, v := range values {
			dst = append(append(append(append(dst, name...), ": "...), v...), "\r\n"...)
		}
	}
	if q.Close {
		dst = append(dst, "Connection: close\r\n"...)
	}
	dst = append(strconv.AppendInt(append(dst, "Content-Length: "...), int64(len(p.body)), 10), "\r\n\r\n"...)
	if string(q.Method) == http.MethodHead {
		return dst
	}
	return append(dst, p.body...)
}

// page is an answer that is kept.
type page struct {
	header http.Header
	code   int
	body   []byte
}

func (p *page) Header() http.Header { return p.header }

func (p *page) WriteHeader(code int) {
	if p.code == 0 {
		p.code = code
	}
}

func (p *page) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	p.body = append(p.body, b...)
	return len(b), nil
}

// Refusals of calls that are too many.
func overloaded() error {
	return fault.New(fault.Unavailable, "overloaded", "as many calls are under way as this gateway takes; send it again")
}

func functionOverloaded() error {
	return fault.New(fault.Unavailable, "function_overloaded", "as many calls of this function are under way as it may have, so that others keep room; send it again")
}

// share is how many calls one function may have under way.
func (g *Gateway) share() int64 { return int64(g.cfg.MaxInflight - g.cfg.MaxInflight/4) }

func appendStatus(dst []byte, code int) []byte {
	dst = append(strconv.AppendInt(append(dst, "HTTP/1.1 "...), int64(code), 10), ' ')
	return append(append(dst, http.StatusText(code)...), "\r\n"...)
}
