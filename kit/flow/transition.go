package flow

import (
	"fmt"
	"time"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/value"
)

// apply takes the event in.
func (r *run) apply(e Event) error {
	switch e := e.(type) {
	case Start:
		if r.x.NextFrame > 0 {
			return ErrStale
		}
		r.start()
		return nil
	case Continue:
		if len(r.x.Ready) == 0 {
			return ErrStale
		}
		return nil
	case Stop:
		r.abortBelow(-1)
		r.finish(Aborted, nil, e.Error, e.Cause)
		return nil
	case TimerFired:
		return r.timer(e)
	case TaskSucceeded:
		f := r.waiter(e.Token)
		if f == nil || f.Phase != working && f.Phase != writing {
			return ErrStale
		}
		if f.Phase == writing {
			r.cancel(f)
			r.written(f)
		} else {
			r.taskSucceeded(f, e.Output)
		}
		return nil
	case TaskFailed:
		f := r.waiter(e.Token)
		if f == nil || f.Phase != working && f.Phase != writing && f.Phase != reading {
			return ErrStale
		}
		r.taskFailed(f, e.Error, e.Cause)
		return nil
	case Heartbeat:
		f := r.waiter(e.Token)
		if f == nil || f.Phase != working {
			return ErrStale
		}
		r.heartbeat(f)
		return nil
	case ItemsRead:
		f := r.waiter(e.Token)
		if f == nil || f.Phase != reading {
			return ErrStale
		}
		r.cancel(f)
		r.startItems(f, e.Items)
		return nil
	}
	return fmt.Errorf("an event of the unknown type %T", e)
}

func (r *run) start() {
	r.x.StartTime = r.now
	details := value.NewObject("input", r.text(r.x.Input.Any), "inputDetails", whole, "roleArn", r.x.RoleArn)
	r.history(nil, "ExecutionStarted", details)
	if t := r.machine.TimeoutSeconds; t > 0 {
		r.do(Timer{"execution", TimerExecution, r.now.Add(time.Duration(t) * time.Second)})
	}
	f := r.add(nil, 0, r.machine, r.x.Input.Any)
	f.Previous = 0
}

// waiter is the frame that waits with the token.
func (r *run) waiter(token string) *Frame {
	var id, n int
	if _, err := fmt.Sscanf(token, "%d.%d", &id, &n); err != nil {
		return nil
	}
	if f := r.frame(id); f != nil && f.Token == token {
		return f
	}
	return nil
}

// cancel gives up what a frame waits for.
func (r *run) cancel(f *Frame) {
	if f.Token != "" {
		r.do(Cancel{f.Token})
		f.Token, f.Heartbeat = "", 0
	}
}

func (r *run) timer(e TimerFired) error {
	if e.Kind == TimerExecution {
		r.abortBelow(-1)
		r.finish(TimedOut, nil, errTimeout, "")
		return nil
	}
	f := r.waiter(e.Token)
	if f == nil {
		return ErrStale
	}
	switch {
	case e.Kind == TimerRetry && f.Phase == retrying:
		r.cancel(f)
		r.work(f, r.state(f))
	case e.Kind == TimerWait && f.Phase == waiting:
		r.cancel(f)
		r.waited(f)
	case e.Kind == TimerTimeout && f.Phase == working:
		r.taskFailed(f, errTimeout, "")
	case e.Kind == TimerHeartbeat && f.Phase == working:
		r.taskFailed(f, errHeartbeat, "")
	default:
		return ErrStale
	}
	return nil
}

// enter begins a state.
func (r *run) enter(f *Frame) {
	s := r.state(f)
	f.Entered, f.Attempts, f.Retries, f.Fork = r.now, nil, 0, nil
	if r.full() {
		return
	}
	f.EnteredEvent = r.history(f, s.Type+"StateEntered", value.NewObject("name", s.Name, "input", r.text(f.Input.Any), "inputDetails", whole))
	r.work(f, s)
}

// work does what the state is for. A Retrier makes it begin here again.
func (r *run) work(f *Frame, s *definition.State) {
	d := r.data(f, s)
	input, fail := d.input()
	if fail != nil {
		r.fail(f, s, fail)
		return
	}
	d.effective = input
	switch s.Type {
	case "Pass":
		r.pass(f, d)
	case "Task":
		r.task(f, d)
	case "Choice":
		r.choice(f, d)
	case "Wait":
		r.wait(f, d)
	case "Succeed":
		r.exit(f, d, input)
	case "Fail":
		r.failState(f, d)
	case "Parallel":
		r.parallel(f, d)
	case "Map":
		r.mapState(f, d)
	}
}

func (r *run) pass(f *Frame, d *data) {
	result := d.effective
	if d.state.HasResult {
		result = d.state.Result
	}
	if d.state.Payload != nil {
		v, fail := d.template(d.state.Payload, d.effective)
		if fail != nil {
			r.fail(f, d.state, fail)
			return
		}
		if !d.state.HasResult {
			result = v
		}
	}
	r.exit(f, d, result)
}

// exit makes the state's output of its result and goes to the next state.
func (r *run) exit(f *Frame, d *data, result any) {
	output, vars, fail := d.output(result)
	if fail != nil {
		r.fail(f, d.state, fail)
		return
	}
	r.leave(f, d.state, output, vars, d.state.Next)
}

// leave ends a state with its output; to is "" at the end of a machine.
func (r *run) leave(f *Frame, s *definition.State, output any, vars *value.Object, to string) {
	if r.x.MaxPayload > 0 && tooLarge(output, r.x.MaxPayload) {
		r.fail(f, s, &failure{errDataLimit, fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", nameOr(s)), ""})
		return
	}
	if r.full() {
		return
	}
	details := value.NewObject("name", s.Name, "output", r.text(output), "outputDetails", whole)
	if vars != nil {
		assigned := &value.Object{}
		for k, v := range vars.All() {
			f.Vars = f.Vars.With(k, v)
			assigned.Set(k, r.text(v))
		}
		details.Set("assignedVariables", assigned)
		details.Set("assignedVariablesDetails", whole)
	}
	r.history(f, s.Type+"StateExited", details)
	if to == "" {
		r.done(f, output)
		return
	}
	f.State, f.Phase, f.Input = to, entering, value.JSON{Any: output}
	r.x.Ready = append(r.x.Ready, f.ID)
}

func nameOr(s *definition.State) string {
	if s.Resource != "" {
		return s.Resource
	}
	return s.Name
}

// tooLarge is true if the value has more bytes as JSON. Most values are small
// and are not written out for it.
func tooLarge(v any, most int) bool {
	left := most
	return !fits(v, &left) && value.Size(v) > most
}

// done is the end of a frame's machine.
func (r *run) done(f *Frame, output any) {
	if f.Parent >= 0 {
		r.joined(f, output)
		return
	}
	r.remove(f)
	r.finishFrom(f, Succeeded, output, "", "")
}

func (r *run) finish(s Status, output any, name, cause string) {
	r.finishFrom(nil, s, output, name, cause)
}

func (r *run) finishFrom(f *Frame, s Status, output any, name, cause string) {
	x := r.x
	x.Status, x.Output, x.Error, x.Cause = s, value.JSON{Any: output}, name, cause
	x.Frames, x.Ready = nil, nil
	switch s {
	case Succeeded:
		r.history(f, "ExecutionSucceeded", value.NewObject("output", r.text(output), "outputDetails", whole))
	case Failed:
		r.history(f, "ExecutionFailed", errorDetails(name, cause))
	case TimedOut:
		r.history(f, "ExecutionTimedOut", &value.Object{})
	case Aborted:
		r.history(f, "ExecutionAborted", errorDetails(name, cause))
	}
	r.do(Ended{s, output, name, cause})
}
