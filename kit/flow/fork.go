package flow

import (
	"encoding/json"
	"fmt"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/intrinsic"
	"fnstore/kit/flow/value"
)

// parallel begins the branches.
func (r *run) parallel(f *Frame, d *data) {
	input, fail := d.template(d.state.Payload, d.effective)
	if fail != nil {
		r.fail(f, d.state, fail)
		return
	}
	n := len(d.state.Branches)
	f.Phase, f.Fork = forked, &Fork{Total: n, Next: n, Concurrency: n, Results: make([]value.JSON, n)}
	r.history(f, "ParallelStateStarted", &value.Object{})
	for i, m := range d.state.Branches {
		r.add(f, i, m, input)
	}
}

// mapState finds the items, or asks for them.
func (r *run) mapState(f *Frame, d *data) {
	m := d.state.Map
	if m.Reader != nil {
		input, fail := d.template(m.Reader.Payload, d.effective)
		most, fail2 := d.whole(m.Reader.MaxItems, 1, 0)
		if fail == nil {
			fail = fail2
		}
		if fail != nil {
			r.fail(f, d.state, fail)
			return
		}
		f.Phase = reading
		if m.Reader.Payload == nil {
			input = nil
		}
		r.do(ReadItems{Token: r.token(f), State: f.State, Resource: m.Reader.Resource, Input: input, Config: m.Reader.Config, MaxItems: most})
		return
	}
	v := d.effective
	if m.Items != nil {
		var fail *failure
		if v, _, fail = d.scalar(m.Items); fail != nil {
			r.fail(f, d.state, fail)
			return
		}
	}
	items, ok := v.([]any)
	if o, isObject := v.(*value.Object); isObject && (m.Distributed || d.state.JSONata) {
		ok = true
		items = []any{}
		for k, e := range o.All() {
			items = append(items, value.NewObject("Key", k, "Value", e))
		}
	}
	if !ok {
		r.fail(f, d.state, d.notItems(v))
		return
	}
	r.startItems(f, items)
}

func (d *data) notItems(v any) *failure {
	m := d.state.Map
	switch {
	case m.Items != nil && m.Items.Query != nil:
		fail := d.failure(errQuery, fmt.Sprintf("The JSONata expression '%s' specified for the field 'Items' returned an unexpected result type. Expected 'array', but was '%s' for value: %s", m.Items.Query.Expression(), value.Kind(v), value.Text(v)))
		fail.location = "Items"
		return fail
	case m.Items != nil:
		return d.runtime("Reference path \"%s\" must point to array.", m.Items.Path)
	}
	return d.runtime("Reference path \"$\" must point to array.")
}

// startItems begins the first items; each that ends begins another.
func (r *run) startItems(f *Frame, items []any) {
	s := r.state(f)
	d := r.data(f, s)
	input, fail := d.input()
	d.effective = input
	if fail == nil && s.Map.Distributed {
		items, fail = d.batches(items)
	}
	limit := InlineConcurrency
	if s.Map.Distributed {
		limit = DistributedLimit
	}
	n, fail2 := d.whole(s.Map.MaxConcurrency, 0, 0)
	if fail == nil {
		fail = fail2
	}
	if fail != nil {
		r.fail(f, s, fail)
		return
	}
	if n == 0 || n > limit {
		n = limit
	}
	f.Phase, f.Fork = forked, &Fork{Items: value.JSON{Any: items}, Total: len(items), Concurrency: n}
	if s.Map.Distributed {
		f.Fork.MapRun = r.mapRun(s)
	} else {
		f.Fork.Results = make([]value.JSON, len(items))
	}
	r.history(f, "MapStateStarted", value.NewObject("length", value.Int(len(items))))
	if s.Map.Distributed {
		r.history(f, "MapRunStarted", value.NewObject("mapRunArn", f.Fork.MapRun))
	}
	if len(items) == 0 {
		r.joinedAll(f, s)
		return
	}
	for f.Fork != nil && f.Fork.Next < min(n, f.Fork.Total) && r.x.Status == Running {
		r.startItem(f, s)
	}
}

// batches puts items together as ItemBatcher says.
func (d *data) batches(items []any) ([]any, *failure) {
	m := d.state.Map
	if m.MaxItemsPerBatch == nil && m.MaxInputBytesPerBatch == nil {
		return items, nil
	}
	count, fail := d.whole(m.MaxItemsPerBatch, 1, len(items))
	if fail != nil {
		return nil, fail
	}
	bytes, fail := d.whole(m.MaxInputBytesPerBatch, 1, 262_144)
	if fail != nil {
		return nil, fail
	}
	var extra any
	if m.BatchInput != nil {
		if extra, fail = d.template(m.BatchInput, d.effective); fail != nil {
			return nil, fail
		}
	}
	out, batch, size := []any{}, []any{}, 0
	flush := func() {
		if len(batch) == 0 {
			return
		}
		o := value.NewObject("Items", batch)
		if m.BatchInput != nil {
			o.Set("BatchInput", extra)
		}
		out, batch, size = append(out, o), nil, 0
	}
	for i, item := range items {
		if m.Selector != nil {
			if item, fail = d.selected(i, item); fail != nil {
				return nil, fail
			}
		}
		n := value.Size(item) + 1
		if len(batch) == count || size+n > bytes && len(batch) > 0 {
			flush()
		}
		batch, size = append(batch, item), size+n
	}
	flush()
	return out, nil
}

// selected is an item as ItemSelector makes it.
func (d *data) selected(i int, v any) (any, *failure) {
	d.context = nil
	c, _ := d.contextObject().(*value.Object)
	d.context = c.With("Map", item(i, v))
	return d.template(d.state.Map.Selector, d.effective)
}

// startItem begins the next item.
func (r *run) startItem(f *Frame, s *definition.State) {
	i := f.Fork.Next
	f.Fork.Next++
	v := f.Fork.Items.Any.([]any)[i]
	input := v
	if s.Map.Selector != nil && s.Map.MaxItemsPerBatch == nil && s.Map.MaxInputBytesPerBatch == nil {
		d := r.data(f, s)
		var fail *failure
		if d.effective, fail = d.input(); fail == nil {
			input, fail = d.selected(i, v)
		}
		if fail != nil {
			r.forkFailed(f, s, fail)
			return
		}
	}
	c := r.add(f, i, s.Map.Processor, input)
	c.Item = value.JSON{Any: v}
	if s.Map.Distributed {
		c.Vars = &value.Object{}
		child := f.Fork.child(i)
		child.Name, child.Input, child.Start = intrinsic.UUID(r.random), value.JSON{Any: input}, r.now
	}
	r.history(c, "MapIterationStarted", value.NewObject("name", s.Name, "index", value.Int(i)))
}

// joined notes the end of a branch or item.
func (r *run) joined(f *Frame, output any) {
	parent := r.frame(f.Parent)
	s := r.state(parent)
	if s.Map != nil {
		r.history(f, "MapIterationSucceeded", value.NewObject("name", s.Name, "index", value.Int(f.Index)))
	}
	parent.Previous = max(parent.Previous, f.Previous)
	r.remove(f)
	if s.Map != nil && s.Map.Distributed {
		child := parent.Fork.child(f.Index)
		child.Status, child.Output, child.Stop = Succeeded, value.JSON{Any: output}, r.now
	} else {
		parent.Fork.Results[f.Index] = value.JSON{Any: output}
	}
	r.counted(parent, s)
}

// counted begins the next item, or ends the state after the last.
func (r *run) counted(f *Frame, s *definition.State) {
	f.Fork.Done++
	switch {
	case f.Fork.Done == f.Fork.Total:
		r.joinedAll(f, s)
	case f.Fork.Next < f.Fork.Total:
		r.startItem(f, s)
	}
}

func (r *run) joinedAll(f *Frame, s *definition.State) {
	switch {
	case s.Map == nil || !s.Map.Distributed:
		results := make([]any, len(f.Fork.Results))
		for i, v := range f.Fork.Results {
			results[i] = v.Any
		}
		r.forkSucceeded(f, results)
	case s.Map.Writer == nil:
		r.forkSucceeded(f, r.results(f.Fork, "COMPACT", everyChild))
	case s.Map.Writer.Resource == "":
		r.forkSucceeded(f, r.results(f.Fork, transformation(s.Map.Writer), everyChild))
	default:
		r.write(f, s)
	}
}

func everyChild(*Child) bool { return true }

// write asks for the results to be written.
func (r *run) write(f *Frame, s *definition.State) {
	d := r.data(f, s)
	input, fail := d.input()
	d.effective = input
	if fail == nil {
		input, fail = d.template(s.Map.Writer.Payload, input)
	}
	where, _ := input.(*value.Object)
	if fail == nil && where.String("Bucket") == "" {
		fail = &failure{errWriter, "The ResultWriter names no Bucket", ""}
	}
	if fail != nil {
		f.Fork.Error = ""
		r.forkEnded(f, s, fail)
		return
	}
	files, result := r.files(f.Fork, s.Map.Writer, where)
	f.Phase, f.Fork.Written = writing, value.JSON{Any: result}
	r.do(WriteResults{Token: r.token(f), State: f.State, Resource: s.Map.Writer.Resource, Input: input, Config: s.Map.Writer.Config, Files: files})
}

// written goes on once the results are written.
func (r *run) written(f *Frame) {
	if k := f.Fork; k.Error != "" {
		r.forkEnded(f, r.state(f), &failure{name: k.Error, cause: k.Cause})
		return
	}
	r.forkSucceeded(f, f.Fork.Written.Any)
}

// forkSucceeded ends a Parallel or Map with its result.
func (r *run) forkSucceeded(f *Frame, result any) {
	s := r.state(f)
	f.Fork = nil
	if s.Map != nil && s.Map.Distributed {
		r.history(f, "MapRunSucceeded", &value.Object{})
	}
	r.history(f, s.Type+"StateSucceeded", &value.Object{})
	d := r.data(f, s)
	input, fail := d.input()
	if fail != nil {
		r.fail(f, s, fail)
		return
	}
	d.effective = input
	r.exit(f, d, result)
}

// partFailed is a branch or item that failed: the state fails with it, unless
// the Map tolerates it.
func (r *run) partFailed(f *Frame, fail *failure) {
	parent := r.frame(f.Parent)
	s := r.state(parent)
	if s.Map != nil {
		details := errorDetails("", "")
		details.Set("name", s.Name)
		details.Set("index", value.Int(f.Index))
		r.history(f, "MapIterationFailed", details)
	}
	parent.Previous = max(parent.Previous, f.Previous)
	r.remove(f)
	if s.Map != nil && s.Map.Distributed {
		parent.Fork.Failures++
		child := parent.Fork.child(f.Index)
		child.Status, child.Error, child.Cause, child.Stop = Failed, fail.name, fail.cause, r.now
		tolerated, wrong := r.tolerated(parent, s)
		switch {
		case wrong != nil:
			fail = wrong
		case tolerated:
			r.counted(parent, s)
			return
		default:
			fail = &failure{name: errTolerance, cause: "The specified tolerated failure threshold was exceeded"}
		}
	}
	r.forkFailed(parent, s, fail)
}

// tolerated is true while a distributed Map has not failed too often.
func (r *run) tolerated(f *Frame, s *definition.State) (bool, *failure) {
	d := r.data(f, s)
	input, fail := d.input()
	if fail != nil {
		return false, fail
	}
	d.effective = input
	if s.Map.ToleratedCount == nil && s.Map.ToleratedPercentage == nil {
		return false, nil
	}
	if s.Map.ToleratedCount != nil {
		most, fail := d.whole(s.Map.ToleratedCount, 0, 0)
		if fail != nil || f.Fork.Failures > most {
			return false, fail
		}
	}
	if v, ok, fail := d.scalar(s.Map.ToleratedPercentage); ok {
		n, isNumber := v.(json.Number)
		percent, err := n.Float64()
		if fail != nil || !isNumber || err != nil {
			return false, fail
		}
		return float64(f.Fork.Failures)*100 <= percent*float64(f.Fork.Total), nil
	}
	return true, nil
}

// forkFailed stops what is left of a Parallel or Map and fails the state. A
// ResultWriter writes what there is before that.
func (r *run) forkFailed(f *Frame, s *definition.State, fail *failure) {
	r.abortBelow(f.ID)
	if fail.name == errTolerance && s.Map.Writer != nil && s.Map.Writer.Resource != "" {
		f.Fork.Error, f.Fork.Cause = fail.name, fail.cause
		r.write(f, s)
		return
	}
	r.forkEnded(f, s, fail)
}

func (r *run) forkEnded(f *Frame, s *definition.State, fail *failure) {
	f.Fork = nil
	if s.Map != nil && s.Map.Distributed {
		r.history(f, "MapRunFailed", errorDetails(fail.name, fail.cause))
	}
	r.history(f, s.Type+"StateFailed", &value.Object{})
	r.fail(f, s, fail)
}
