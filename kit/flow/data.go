package flow

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/intrinsic"
	"fnstore/kit/flow/path"
	"fnstore/kit/flow/query"
	"fnstore/kit/flow/value"
)

// data evaluates the fields of a state.
type data struct {
	r         *run
	f         *Frame
	state     *definition.State
	effective any // the input after InputPath
	context   *value.Object
}

func (r *run) data(f *Frame, s *definition.State) *data { return &data{r: r, f: f, state: s} }

// failure is the failure of a state. Location is set by JSONata.
type failure struct{ name, cause, location string }

// runtime is a failure that AWS calls States.Runtime.
func (d *data) runtime(format string, args ...any) *failure {
	return d.failure(errRuntime, fmt.Sprintf(format, args...))
}

func (d *data) failure(name, reason string) *failure {
	return &failure{name: name, cause: fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", d.state.Name, d.f.EnteredEvent, reason)}
}

const stamp = "2006-01-02T15:04:05.000Z"

// contextObject is $$, or $states.context.
func (d *data) contextObject() any {
	if d.context != nil {
		return d.context
	}
	x, f := d.r.x, d.f
	execution := value.NewObject("Id", x.ID, "Input", x.Input.Any, "StartTime", x.StartTime.Format(stamp), "Name", x.Name, "RoleArn", x.RoleArn, "RedriveCount", value.Int(x.RedriveCount))
	o := value.NewObject("Execution", execution,
		"StateMachine", value.NewObject("Id", x.Machine, "Name", x.MachineName),
		"State", value.NewObject("Name", d.state.Name, "EnteredTime", f.Entered.Format(stamp), "RetryCount", value.Int(f.Retries)))
	if f.Token != "" && resourceOf(d.state.Resource).token {
		o.Set("Task", value.NewObject("Token", f.Token))
	}
	for at := f; at != nil && at.Parent >= 0; at = d.r.frame(at.Parent) {
		if parent := d.r.frame(at.Parent); parent != nil && d.r.state(parent).Map != nil {
			o.Set("Map", item(at.Index, at.Item.Any))
			break
		}
	}
	d.context = o
	return o
}

func item(index int, v any) *value.Object {
	return value.NewObject("Item", value.NewObject("Index", value.Int(index), "Value", v))
}

func (d *data) scope(input any) *intrinsic.Env {
	return &intrinsic.Env{Scope: path.Scope{Input: input, Context: d.contextObject, Variables: d.f.Vars}, Random: d.r.random}
}

// get evaluates a path field; without one it is the value itself.
func (d *data) get(p definition.PathField, from any) (any, *failure) {
	switch {
	case p.Null:
		return &value.Object{}, nil
	case p.Path == nil || p.Path.String() == "$":
		return from, nil
	}
	v, err := p.Path.Get(d.scope(from).Scope)
	if err != nil {
		return nil, d.runtime("Invalid path '%s' : %v", p.Path, err)
	}
	return v, nil
}

// input is the state's input after InputPath.
func (d *data) input() (any, *failure) {
	if d.state.JSONata {
		return d.f.Input.Any, nil
	}
	return d.get(d.state.InputPath, d.f.Input.Any)
}

// template fills Parameters and the like from a value.
func (d *data) template(t *definition.Value, from any) (any, *failure) {
	if t == nil {
		return from, nil
	}
	if t.Query != nil {
		return d.query(t.Field, t.Query, nil)
	}
	v, err := t.Template.Eval(d.scope(from))
	if err != nil {
		return nil, d.pathFailure(err, from)
	}
	return v, nil
}

func (d *data) pathFailure(err error, from any) *failure {
	var missing *path.MissingError
	var field *intrinsic.FieldError
	var call *intrinsic.Error
	switch {
	case errors.As(err, &call):
		return d.failure(errIntrinsic, call.Error())
	case errors.As(err, &missing) && from == nil:
		return d.runtime("Unable to apply Path transformation to null or empty input.")
	case errors.As(err, &missing) && errors.As(err, &field):
		return d.runtime("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", missing.Path, field.Field, value.Text(from))
	}
	return d.runtime("%v", err)
}

// query evaluates a template of JSONata. extra are the members of $states
// beside input and context.
func (d *data) query(field string, t *query.Template, extra *value.Object) (any, *failure) {
	if t.Constant() {
		v, _ := t.Eval(query.Env{})
		return v, nil
	}
	states := value.NewObject("input", d.f.Input.Any, "context", d.contextObject())
	for k, v := range extra.All() {
		states.Set(k, v)
	}
	v, err := t.Eval(query.Env{States: states, Variables: d.f.Vars, Now: d.r.now, Random: d.r.random})
	if err == nil {
		return v, nil
	}
	var at *query.FieldError
	errors.As(err, &at)
	location := field + at.Pointer
	reason := fmt.Sprintf("The JSONata expression '%s' specified for the field '%s' threw an error during evaluation. %v", at.Source, location, at.Err)
	if errors.Is(err, query.ErrUndefined) {
		reason = fmt.Sprintf("The JSONata expression '%s' specified for the field '%s' returned nothing (undefined).", at.Source, location)
	}
	fail := d.failure(errQuery, reason)
	fail.location = location
	return nil, fail
}

// output makes the state's output and new variables of its result.
func (d *data) output(result any) (any, *value.Object, *failure) {
	s := d.state
	if s.JSONata {
		extra := &value.Object{}
		if s.Type == "Task" || s.Type == "Parallel" || s.Type == "Map" {
			extra.Set("result", result)
		}
		return d.queried(s.Assign, s.Output, extra, result)
	}
	if s.Type == "Task" || s.Type == "Parallel" || s.Type == "Map" {
		selected, fail := d.template(s.ResultSelector, result)
		if fail != nil {
			return nil, nil, fail
		}
		result = selected
	}
	vars, fail := d.assign(s.Assign, result)
	if fail != nil {
		return nil, nil, fail
	}
	merged := result
	switch s.Type {
	case "Pass", "Task", "Parallel", "Map":
		if merged, fail = d.place(s.ResultPath, result); fail != nil {
			return nil, nil, fail
		}
	}
	out, fail := d.get(s.OutputPath, merged)
	return out, vars, fail
}

// queried evaluates Assign and Output with the same $states.
func (d *data) queried(assign, output *definition.Value, extra *value.Object, otherwise any) (any, *value.Object, *failure) {
	var vars *value.Object
	if assign != nil {
		v, fail := d.query(assign.Field, assign.Query, extra)
		if fail != nil {
			return nil, nil, fail
		}
		vars, _ = v.(*value.Object)
	}
	if output == nil {
		return otherwise, vars, nil
	}
	v, fail := d.query(output.Field, output.Query, extra)
	return v, vars, fail
}

func (d *data) assign(t *definition.Value, from any) (*value.Object, *failure) {
	if t == nil {
		return nil, nil
	}
	v, fail := d.template(t, from)
	o, _ := v.(*value.Object)
	return o, fail
}

// place puts the result into the state's input at ResultPath.
func (d *data) place(p definition.PathField, result any) (any, *failure) {
	switch {
	case p.Null:
		return d.f.Input.Any, nil
	case p.Path == nil:
		return result, nil
	}
	v, err := p.Path.Set(d.f.Input.Any, result)
	if err != nil {
		return nil, d.failure(errResultPath, err.Error())
	}
	return v, nil
}

// scalar evaluates a field such as Seconds; ok is false without it.
func (d *data) scalar(s *definition.Scalar) (v any, ok bool, fail *failure) {
	switch {
	case s == nil:
		return nil, false, nil
	case s.Query != nil:
		v, fail = d.query(s.Field, s.Query, nil)
		return v, true, fail
	case s.Path != nil:
		v, err := s.Path.Eval(d.scope(d.effective))
		var missing *path.MissingError
		if errors.As(err, &missing) {
			return nil, true, d.runtime("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", missing.Path, s.Field, value.Text(d.effective))
		} else if err != nil {
			return nil, true, d.pathFailure(err, d.effective)
		}
		return v, true, nil
	}
	return s.Constant, true, nil
}

// whole is a scalar that must be a whole number of at least least.
func (d *data) whole(s *definition.Scalar, least, otherwise int) (int, *failure) {
	v, ok, fail := d.scalar(s)
	if !ok || fail != nil {
		return otherwise, fail
	}
	n, isWhole := value.Whole(v)
	if isWhole && n >= least && n <= 99_999_999 {
		return n, nil
	}
	if s.Query != nil {
		fail := d.failure(errQuery, fmt.Sprintf("The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. Expected 'integer', but was '%s' for value: %s", s.Query.Expression(), s.Field, value.Kind(v), value.Text(v)))
		fail.location = s.Field
		return 0, fail
	}
	return 0, d.runtime("The %s parameter does not reference an integer value: %s == %s", s.Field, s.Path, value.Text(v))
}

func (r *run) wait(f *Frame, d *data) {
	var until time.Time
	if d.state.Seconds != nil {
		n, fail := d.whole(d.state.Seconds, 0, 0)
		if fail != nil {
			r.fail(f, d.state, fail)
			return
		}
		until = r.now.Add(time.Duration(n) * time.Second)
	} else {
		v, _, fail := d.scalar(d.state.Timestamp)
		s, _ := v.(string)
		t, err := time.Parse(time.RFC3339, strings.ToUpper(s))
		if fail == nil && err != nil {
			fail = d.runtime("The %s parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %s", d.state.Timestamp.Field, d.state.Timestamp.Path, value.Text(v))
		}
		if fail != nil {
			r.fail(f, d.state, fail)
			return
		}
		until = t.UTC()
	}
	if !until.After(r.now) {
		r.waited(f)
		return
	}
	f.Phase = waiting
	r.do(Timer{r.token(f), TimerWait, until})
}

func (r *run) waited(f *Frame) {
	s := r.state(f)
	d := r.data(f, s)
	input, fail := d.input()
	if fail != nil {
		r.fail(f, s, fail)
		return
	}
	r.exit(f, d, input)
}
