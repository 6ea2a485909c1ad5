package traceapi

import (
	"cmp"
	"slices"
	"time"

	"fnstore/kit/trace"
	"fnstore/runtime/spans"
)

// maxRecent is how many calls a list has.
const maxRecent = 100

// Summary is a call in a list.
type Summary struct {
	CallID   string     `json:"call_id"` // of the first step that has one; empty where none has
	TraceID  string     `json:"trace_id"`
	Kind     spans.Kind `json:"kind"` // of the first step that is remembered
	Function string     `json:"function,omitempty"`
	Start    time.Time  `json:"start"`
	Took     float64    `json:"took_ms"`
	Steps    int        `json:"steps"`
	Status   int        `json:"status,omitempty"` // of the first step
	Code     string     `json:"code,omitempty"`   // of the last one that failed
	Failed   bool       `json:"failed"`           // some step did
	Slow     bool       `json:"slow"`
}

// Recent gives the newest journeys that are remembered: all in which a function was
// called, those in which a step "failed", or those that were "slow", the longest
// first.
func (a API) Recent(which string) []Summary {
	of := map[trace.ID]*Summary{}
	called := map[*Summary]time.Time{} // when the step with its call id began
	a.Ring.Find(func(s *spans.Span) bool {
		t := of[s.Trace]
		end := s.Start.Add(s.Took)
		if t == nil {
			t = &Summary{TraceID: s.Trace.String(), Start: s.Start.Add(time.Nanosecond)}
			of[s.Trace] = t
		}
		last := t.Start.Add(time.Duration(t.Took * float64(time.Millisecond)))
		if s.Start.Before(t.Start) {
			t.Kind, t.Function, t.Start, t.Status = s.Kind, s.Function, s.Start, s.Status
		}
		if first, is := called[t]; s.CallID != "" && (!is || s.Start.Before(first)) {
			t.CallID, called[t] = s.CallID, s.Start
		}
		if end.After(last) {
			last = end
		}
		t.Took = ms(last.Sub(t.Start))
		t.Steps++
		if s.Failed() {
			t.Failed, t.Code = true, cmp.Or(s.Code, t.Code)
		}
		return false
	})
	list := []Summary{}
	for _, t := range of {
		t.Slow = t.Took >= ms(spans.Slow)
		if which == "" && t.CallID != "" || which == "failed" && t.Failed || which == "slow" && t.Slow {
			list = append(list, *t)
		}
	}
	slices.SortFunc(list, func(x, y Summary) int {
		if which == "slow" {
			return -cmp.Compare(x.Took, y.Took)
		}
		return y.Start.Compare(x.Start)
	})
	return list[:min(len(list), maxRecent)]
}
