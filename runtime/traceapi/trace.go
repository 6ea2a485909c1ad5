package traceapi

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"fnstore/kit/queue"
	"fnstore/kit/trace"
	"fnstore/runtime/spans"
)

// Trace is the journey of a call.
type Trace struct {
	CallID  string    `json:"call_id"`            // that was asked for
	TraceID string    `json:"trace_id,omitempty"` // W3C; "" of a message whose steps are forgotten
	Start   time.Time `json:"start"`
	Took    float64   `json:"took_ms"` // from the first step's start to the last one's end
	State   string    `json:"state"`   // ok, failed or open: a message has not ended
	Steps   []Step    `json:"steps"`   // each after the one that it is part of
	Logs    []Line    `json:"logs"`
}

// Step is one step of a journey.
type Step struct {
	ID       string     `json:"id"`
	Parent   string     `json:"parent,omitempty"`
	Depth    int        `json:"depth"` // 0 for those that are part of no other
	Kind     spans.Kind `json:"kind"`
	Function string     `json:"function,omitempty"`
	CallID   string     `json:"call_id"`
	Start    time.Time  `json:"start"`
	Offset   float64    `json:"offset_ms"` // since the journey's start
	Took     float64    `json:"took_ms"`
	Open     bool       `json:"open,omitempty"` // it has not ended
	Status   int        `json:"status,omitempty"`
	Code     string     `json:"code,omitempty"`
	Attempt  int        `json:"attempt,omitempty"`
	Verdict  string     `json:"verdict,omitempty"` // done, retry or dead
	Source   string     `json:"source,omitempty"`  // what made the message: object, schedule, topic or row
	Failed   bool       `json:"failed,omitempty"`
	// Kept says that the step is from the queue's tables: of an attempt they know
	// when it was over and no more.
	Kept bool `json:"kept,omitempty"`
}

// builder puts a journey together.
type builder struct {
	callID     string
	traces     []trace.ID
	steps      []Step
	seen       map[string]bool // call ids that the queue was asked for
	deliveries map[delivery]bool
}

// delivery names an attempt that is remembered.
type delivery struct {
	call   string
	number int
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// take adds what is remembered of the journeys of a call.
func (b *builder) take(ring *spans.Ring, callID string) {
	for _, id := range ring.Traces(callID) {
		b.takeTrace(ring, id)
	}
}

func (b *builder) takeTrace(ring *spans.Ring, id trace.ID) {
	if slices.Contains(b.traces, id) {
		return
	}
	found := ring.Find(func(s *spans.Span) bool { return s.Trace == id })
	if len(found) == 0 {
		return
	}
	b.traces = append(b.traces, id)
	for _, s := range found {
		step := Step{
			ID: s.Span.String(), Kind: s.Kind, Function: s.Function, CallID: s.CallID, Start: s.Start, Took: ms(s.Took),
			Status: s.Status, Code: s.Code, Attempt: s.Attempt, Verdict: s.Verdict, Source: s.Source, Failed: s.Failed(),
		}
		if (s.Parent != trace.SpanID{}) {
			step.Parent = s.Parent.String()
		}
		if s.Kind == spans.Attempt {
			b.deliveries[delivery{s.CallID, s.Delivery}] = true
		}
		b.add(step)
	}
}

// add puts a step in, in place of an earlier one with its id.
func (b *builder) add(s Step) {
	if i := slices.IndexFunc(b.steps, func(o Step) bool { return o.ID == s.ID }); i >= 0 {
		b.steps[i] = s
		return
	}
	b.steps = append(b.steps, s)
}

// unread gives the call ids that the queue was not asked for yet.
func (b *builder) unread() (ids []string) {
	for _, id := range append([]string{b.callID}, b.callIDs()...) {
		if !b.seen[id] {
			b.seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

func (b *builder) callIDs() (ids []string) {
	for _, s := range b.steps {
		if !slices.Contains(ids, s.CallID) {
			ids = append(ids, s.CallID)
		}
	}
	return ids
}

// messages adds what the queue's tables keep, where it is not remembered.
func (b *builder) messages(ring *spans.Ring, records []queue.Record) {
	for _, r := range records {
		b.message(ring, r)
	}
}

func (b *builder) message(ring *spans.Ring, r queue.Record) {
	c, ok := trace.Parse(r.Trace)
	if ok {
		b.takeTrace(ring, c.Trace) // the message was not delivered yet; who wrote it is known
	} else {
		c = trace.OfCall(r.CallID)
		if len(b.traces) > 0 {
			c.Trace = b.traces[0]
		}
		c.Span = trace.SpanID{}
	}
	end, open := r.EndedAt, r.EndedAt.IsZero()
	if open {
		end = time.Now()
	}
	id := spans.OfMessage(c.Trace, r.ID).String()
	i := slices.IndexFunc(b.steps, func(s Step) bool { return s.ID == id })
	if i < 0 {
		b.add(Step{ID: id, Kind: spans.Message, Function: r.Function, CallID: r.CallID, Start: r.AcceptedAt, Kept: true})
		i = len(b.steps) - 1
		if c.Span != (trace.SpanID{}) {
			b.steps[i].Parent = c.Span.String()
		}
	}
	s := &b.steps[i]
	s.Took, s.Open, s.Attempt = ms(end.Sub(r.AcceptedAt)), open, r.Attempts
	s.Verdict, s.Failed = map[queue.State]string{queue.Succeeded: "done", queue.Failed: "dead"}[r.State], r.State == queue.Failed
	if r.Status != 0 {
		s.Status = r.Status
	}
	if r.Code != "" {
		s.Code = r.Code
	}
	b.attempts(id, r)
}

// attempts adds those that only the queue's tables know.
func (b *builder) attempts(message string, r queue.Record) {
	kept := func(n int, at time.Time) Step {
		return Step{
			ID: message + "-" + strconv.Itoa(n), Parent: message, Kind: spans.Attempt, Function: r.Function, CallID: r.CallID,
			Start: at, Attempt: n, Kept: true,
		}
	}
	for i, f := range r.Failures {
		if f.Delivery > 0 && b.deliveries[delivery{r.CallID, f.Delivery}] {
			continue
		}
		s := kept(f.Attempt, f.At)
		s.ID, s.Status, s.Code, s.Verdict, s.Failed = s.ID+"-"+strconv.Itoa(i), f.Status, f.Code, "retry", true
		if r.State == queue.Failed && i == len(r.Failures)-1 {
			s.Verdict = "dead"
		}
		b.add(s)
	}
	remembered := slices.ContainsFunc(b.steps, func(s Step) bool { return s.CallID == r.CallID && s.Kind == spans.Attempt && s.Verdict == "done" })
	if r.State == queue.Succeeded && !remembered {
		s := kept(r.Attempts, r.EndedAt)
		s.Status, s.Verdict = r.Status, "done"
		b.add(s)
	}
}

// trace puts the steps in order and measures the whole.
func (b *builder) trace() Trace {
	t := Trace{CallID: b.callID, State: "ok", Logs: []Line{}}
	if len(b.traces) > 0 {
		t.TraceID = b.traces[0].String()
	}
	slices.SortStableFunc(b.steps, func(x, y Step) int {
		return cmp.Or(x.Start.Compare(y.Start), -cmp.Compare(x.Took, y.Took))
	})
	t.Start = b.steps[0].Start
	within := map[string][]Step{}
	var roots []Step
	for _, s := range b.steps {
		s.Offset = ms(s.Start.Sub(t.Start))
		t.Took = max(t.Took, s.Offset+s.Took)
		if s.Parent != s.ID && slices.ContainsFunc(b.steps, func(p Step) bool { return p.ID == s.Parent }) {
			within[s.Parent] = append(within[s.Parent], s)
		} else {
			roots = append(roots, s)
		}
	}
	var place func(list []Step, depth int)
	place = func(list []Step, depth int) {
		for _, s := range list {
			s.Depth = depth
			t.Steps = append(t.Steps, s)
			parts := within[s.ID]
			delete(within, s.ID) // whatever clients say, nothing is part of itself
			place(parts, depth+1)
		}
	}
	place(roots, 0)
	if len(t.Steps) == 0 { // parents in a circle
		t.Steps = b.steps
	}
	t.State = state(t.Steps)
	return t
}

// state is how the journey went: by its messages, and by what is part of none.
func state(steps []Step) string {
	state := "ok"
	for _, s := range steps {
		switch {
		case s.Open:
			return "open"
		case s.Failed && (s.Kind == spans.Message || s.Depth == 0):
			state = "failed"
		}
	}
	return state
}
