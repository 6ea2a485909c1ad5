package flow

import (
	"fmt"

	"fnstore/kit/flow/value"
)

// whole is the details of a value that is not cut short. Nobody changes it.
var whole = value.NewObject("truncated", false)

// text is a value as JSON. What a state puts out is what the next one takes in,
// so the last object is remembered.
func (r *run) text(v any) string {
	o, ok := v.(*value.Object)
	if !ok {
		return value.Text(v)
	}
	if o != r.lastObject {
		r.lastObject, r.lastText = o, value.Text(o)
	}
	return r.lastText
}

// history notes an event of a frame and gives its id. Items of a distributed
// Map are runs of their own in AWS: they leave no events here.
func (r *run) history(f *Frame, kind string, details *value.Object) int {
	if f != nil && r.hidden(f) {
		return r.x.LastEvent
	}
	r.x.LastEvent++
	previous := r.x.LastEvent - 1
	if f != nil {
		previous = f.Previous
		f.Previous = r.x.LastEvent
	}
	r.do(History{r.x.LastEvent, previous, r.now, kind, details})
	return r.x.LastEvent
}

func (r *run) hidden(f *Frame) bool {
	for f.Parent >= 0 {
		if f = r.frame(f.Parent); f == nil {
			return false
		}
		if m := r.state(f).Map; m != nil && m.Distributed {
			return true
		}
	}
	return false
}

// full ends the run if its history has as many events as it may have.
func (r *run) full() bool {
	if r.x.MaxEvents <= 0 || r.x.LastEvent < r.x.MaxEvents-1 || r.x.Status != Running {
		return r.x.Status != Running
	}
	r.cancelAll()
	r.finish(Failed, nil, errRuntime, fmt.Sprintf("The execution reached the maximum number of history events (%d).", r.x.MaxEvents))
	return true
}

func (r *run) cancelAll() {
	for _, f := range r.x.Frames {
		r.cancel(f)
	}
}

func errorDetails(name, cause string) *value.Object {
	o := &value.Object{}
	if name != "" {
		o.Set("error", name)
	}
	if cause != "" {
		o.Set("cause", cause)
	}
	return o
}

// fits is true if the value surely has no more than left bytes as JSON; it
// takes them away.
func fits(v any, left *int) bool {
	switch v := v.(type) {
	case string:
		*left -= 6*len(v) + 2
	case []any:
		*left -= 2 + len(v)
		for _, e := range v {
			if *left < 0 || !fits(e, left) {
				return false
			}
		}
	case *value.Object:
		*left -= 2
		for k, e := range v.All() {
			*left -= 6*len(k) + 4
			if *left < 0 || !fits(e, left) {
				return false
			}
		}
	case fmt.Stringer: // a number
		*left -= len(v.String())
	default:
		*left -= 5
	}
	return *left >= 0
}
