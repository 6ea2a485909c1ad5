package gateway

import (
	"net/http"
	"strconv"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/trace"
	"fnstore/kit/wire"
	"fnstore/runtime/spans"
)

// step is a call's place in its journey. The journey is the client's when it
// names a good one, and begins here otherwise (W3C Trace Context, section 4.3).
type step struct {
	trace.Context
	parent trace.SpanID
	linked bool // the client's

	asked    time.Duration // from the start, until a replica was asked for
	held     time.Duration // until a replica had a place
	woke     bool          // none was ready
	own      time.Duration // the function's, by its server
	answered time.Duration // until the head of its answer
}

func takeStep(h http.Header) step {
	before, ok := trace.Of(h)
	if !ok {
		return step{Context: trace.New()}
	}
	return step{Context: before.Child(), parent: before.Span, linked: true}
}

// mark names the step to who is called next. What vendors wrote beside a context
// that was not good means nothing (section 3.3.1.1).
func (s *step) mark(h http.Header) {
	h[trace.Header] = []string{s.String()}
	if !s.linked {
		delete(h, trace.HeaderState)
	}
}

// ownTime reads how long the function took, as its server says.
func (s *step) ownTime(h http.Header, since time.Time) {
	v := h["X-Duration-Seconds"]
	if len(v) == 0 {
		return
	}
	if n, err := strconv.ParseFloat(v[0], 64); err == nil && n >= 0 && n < 1e6 {
		s.own, s.answered = time.Duration(n*float64(time.Second)), time.Since(since)
	}
}

// record remembers the step, which ends now.
func (g *Gateway) record(kind spans.Kind, s *step, r *http.Request, function string, start time.Time, status int, code string) {
	if g.cfg.Record == nil {
		return
	}
	g.cfg.Record(spans.Span{
		Context: s.Context, Parent: s.parent, Linked: s.linked, Kind: kind, CallID: r.Header.Get(wire.CallID), Function: function,
		Start: start, Took: time.Since(start), Status: status, Code: code,
		Asked: s.asked, Held: s.held, Woke: s.woke, Own: s.own, Answered: s.answered,
	})
}

// codeOf is the word for an error that a client gets too.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}
