package gateway

import (
	"net/http"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
	"fnstore/runtime/spans"
)

// internalHeader marks an answer that the function did not give, and says who
// gave it: the gateway, by the word byGateway, or the function's server.
const (
	internalHeader    = "X-OpenFaaS-Internal"
	canonicalInternal = "X-Openfaas-Internal"
	byGateway         = "proxy"
)

// maxBodyBytes is the longest body of a call, in bytes. It is streamed, not held.
const maxBodyBytes = 64 << 20

// call is one call on its way to a function and back.
type call struct {
	g        *Gateway
	w        *recorder
	r        *http.Request // as the client sent it
	function string
	path     string // that the function sees
	start    time.Time
	timeout  time.Duration
	sends    string // the function's annotation of whom it may send to
	body     *paced // nil for none
	duplex   bool   // the answer may begin before the body has ended
	release  func() // frees the call's place in its replica
	step     step
}

// invoke sends the request to the function that rest names.
func (g *Gateway) invoke(w *recorder, r *http.Request, rest string) {
	start := time.Now()
	name, path, err := target(rest)
	if err != nil {
		fail(w, r, err)
		return
	}
	if r.ContentLength > maxBodyBytes {
		fail(w, r, fault.New(fault.TooLarge, "body_too_large", "a call's body may have %d bytes", maxBodyBytes))
		return
	}
	if g.inflight.Add(1) > int64(g.cfg.MaxInflight) {
		g.inflight.Add(-1)
		fail(w, r, overloaded())
		return
	}
	defer g.inflight.Add(-1)
	s, err := g.cfg.Provider.Get(r.Context(), name)
	if err != nil {
		fail(w, r, err)
		return
	}
	c := &call{g: g, w: w, r: r, function: name, path: path, start: start, step: takeStep(r.Header)}
	defer func() { g.record(spans.Call, &c.step, r, s.Name, start, w.status(), w.problem) }()
	counted := g.metrics.of(name)
	if counted.open.Add(1) > g.share() {
		counted.open.Add(-1)
		fail(w, r, functionOverloaded())
		return
	}
	defer counted.open.Add(-1)
	c.body = g.pace(w, r)
	if internal(s.Annotations) {
		release, err := g.admit(w, r, name, path)
		if err != nil {
			fail(w, r, err)
			return
		}
		defer release()
	}
	c.timeout = g.timeout(s.EnvVars)
	c.sends = annotation(s.Annotations, annotationSends)
	ctx, over := g.expiry.begin(c)
	defer over()
	if c.timeout > 0 { // a client that takes its answer byte by byte
		_ = http.NewResponseController(w).SetWriteDeadline(start.Add(c.timeout + DefaultStall))
	}
	if err := c.readShort(); err != nil {
		c.failed(err)
		return
	}
	asked := time.Now()
	transport, release, err := g.cfg.Provider.Acquire(ctx, name)
	c.step.asked, c.step.held, c.step.woke = asked.Sub(start), time.Since(asked), s.AvailableReplicas == 0
	if err != nil {
		c.notAcquired(counted, err)
		return
	}
	defer release()
	c.release = release
	counted.begin()
	defer func() { g.metrics.end(counted, w.status(), time.Since(start)) }()
	c.send(ctx, transport)
}

// fail answers for the function, and says so.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set(internalHeader, byGateway)
	if rec, ok := w.(*recorder); ok {
		rec.problem = codeOf(err)
	}
	wire.Fail(w, r, err)
}
