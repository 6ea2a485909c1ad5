package delivery

import (
	"net/http"
	"time"

	"fnstore/kit/queue/lease"
	"fnstore/kit/trace"
	"fnstore/runtime/spans"
)

// trace finds the journey that the message is part of and makes the delivery a
// step of it. A message that came without one, as from a trigger, has the journey
// of its call id, which all its deliveries find.
func (a *attempt) trace() {
	c, ok := trace.Context{}, false
	for name, values := range a.Headers { // a sender in SQL may spell it as it likes
		if http.CanonicalHeaderKey(name) == trace.Header && len(values) == 1 {
			c, ok = trace.Parse(values[0])
		}
	}
	if !ok {
		c = trace.OfCall(a.CallID)
		c.Span = trace.SpanID{}
	}
	a.journey, a.step = c, c.Child()
}

// connectorNames are what X-Connector of the store's own messages may say.
var connectorNames = map[string]string{
	"fnstore-objects": "object", "cron-connector": "schedule", "fnstore-topic": "topic", "fnstore-postgres": "row", "fnstore-minio": "object",
}

func (a *attempt) source() string {
	if v := a.Headers["X-Connector"]; a.Trusted && len(v) == 1 {
		return connectorNames[v[0]]
	}
	return ""
}

// word is a code as ours are. A function can put any text where its code belongs,
// and what people send has no place in traces.
func word(code string) string {
	if len(code) > 64 {
		return ""
	}
	for _, c := range code {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return ""
		}
	}
	return code
}

// remember records a delivery and, when it was the last, its message.
func (d *Delivery) remember(o outcome, begun time.Time, took time.Duration) {
	if d.cfg.Record == nil {
		return
	}
	a := o.attempt
	s := spans.Span{
		Context: a.step, Parent: spans.OfMessage(a.step.Trace, a.ID), Kind: spans.Attempt, Linked: true, CallID: a.CallID, Function: a.Function,
		Start: begun, Took: took, Status: o.Status, Code: word(o.Code), Attempt: a.Attempt, Delivery: a.Deliveries, Verdict: string(o.Verdict), Source: a.source(),
	}
	if o.release {
		s.Verdict = string(lease.Retry)
	}
	if a.Deliveries == 1 {
		s.Held = max(begun.Sub(a.CreatedAt), 0)
	}
	d.cfg.Record(s)
	if o.Verdict == lease.Retry || o.release {
		return
	}
	m := s
	m.Span, m.Parent, m.Kind, m.Held = s.Parent, a.journey.Span, spans.Message, 0
	m.Start, m.Took = a.CreatedAt, begun.Add(took).Sub(a.CreatedAt)
	d.cfg.Record(m)
}
