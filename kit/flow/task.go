package flow

import (
	"fmt"
	"strings"
	"time"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/value"
)

// resource is how AWS speaks of a Task's Resource in its history.
type resource struct {
	prefix     string // of the events
	kind, name string // resourceType and resource
	token      bool   // the answer comes with the token
	submitted  bool   // .sync or .waitForTaskToken
}

// resourceOf reads a Resource. A plain name is a function, as an ARN of Lambda.
func resourceOf(s string) resource {
	part := strings.Split(s, ":")
	switch {
	case len(part) >= 6 && part[2] == "states" && part[5] == "activity":
		return resource{prefix: "Activity", kind: "activity", name: s}
	case len(part) >= 6 && part[2] == "states":
		name := strings.Join(part[6:], ":")
		kind := part[5]
		return resource{prefix: "Task", kind: kind, name: name, token: strings.HasSuffix(name, ".waitForTaskToken"),
			submitted: strings.HasSuffix(name, ".waitForTaskToken") || strings.Contains(name, ".sync")}
	}
	return resource{prefix: "LambdaFunction", kind: "lambda", name: s, token: strings.HasSuffix(s, ".waitForTaskToken")}
}

// event is the name of an event and details of a resource.
func (r resource) event(what string, more ...any) (string, *value.Object) {
	o := &value.Object{}
	if r.prefix == "Task" {
		o = value.NewObject("resourceType", r.kind, "resource", r.name)
	}
	for i := 0; i+1 < len(more); i += 2 {
		o.Set(more[i].(string), more[i+1])
	}
	return r.prefix + what, o
}

// task asks for a task to be called.
func (r *run) task(f *Frame, d *data) {
	s := d.state
	token := r.token(f)
	d.context = nil
	input, fail := d.template(s.Payload, d.effective)
	if fail != nil {
		f.Token = ""
		r.fail(f, s, fail)
		return
	}
	var credentials any
	if s.Credentials != nil {
		credentials, fail = d.template(s.Credentials, d.effective)
	}
	timeout, fail2 := d.whole(s.TimeoutSeconds, 1, 0)
	beat, fail3 := d.whole(s.HeartbeatSeconds, 1, 0)
	for _, wrong := range []*failure{fail, fail2, fail3} {
		if wrong != nil {
			f.Token = ""
			r.fail(f, s, wrong)
			return
		}
	}
	if r.x.MaxPayload > 0 && tooLarge(input, r.x.MaxPayload) {
		f.Token = ""
		r.fail(f, s, &failure{errDataLimit, fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", s.Resource), ""})
		return
	}
	f.Phase, f.Heartbeat = working, beat
	res := resourceOf(s.Resource)
	details := []any{"parameters", r.text(input)}
	if res.prefix != "Task" {
		details = []any{"resource", s.Resource, "input", r.text(input), "inputDetails", whole}
	}
	if timeout > 0 {
		details = append(details, "timeoutInSeconds", value.Int(timeout))
	}
	if beat > 0 {
		details = append(details, "heartbeatInSeconds", value.Int(beat))
	}
	kind, o := res.event("Scheduled", details...)
	r.history(f, kind, o)
	kind, o = res.event("Started")
	r.history(f, kind, o)
	r.do(Task{Token: token, State: s.Name, Resource: s.Resource, Input: input, Credentials: credentials, Attempt: f.Retries + 1,
		IdempotencyKey: fmt.Sprintf("%s:%d:%d:%s", r.x.ID, f.ID, f.EnteredEvent, s.Name), WaitForToken: res.token})
	if timeout > 0 {
		r.do(Timer{token, TimerTimeout, r.now.Add(time.Duration(timeout) * time.Second)})
	}
	r.heartbeat(f)
}

// heartbeat sets the timer of the next sign of life.
func (r *run) heartbeat(f *Frame) {
	if f.Heartbeat > 0 {
		r.do(Timer{f.Token, TimerHeartbeat, r.now.Add(time.Duration(f.Heartbeat) * time.Second)})
	}
}

func (r *run) taskSucceeded(f *Frame, output any) {
	s := r.state(f)
	res := resourceOf(s.Resource)
	r.cancel(f)
	if r.x.MaxPayload > 0 && tooLarge(output, r.x.MaxPayload) {
		r.taskError(f, s, &failure{errDataLimit, fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", s.Resource), ""})
		return
	}
	if res.submitted {
		kind, o := res.event("Submitted", "output", "", "outputDetails", whole)
		r.history(f, kind, o)
	}
	kind, o := res.event("Succeeded", "output", r.text(output), "outputDetails", whole)
	r.history(f, kind, o)
	d := r.data(f, s)
	input, fail := d.input()
	if fail != nil {
		r.fail(f, s, fail)
		return
	}
	d.effective = input
	r.exit(f, d, output)
}

func (r *run) taskFailed(f *Frame, name, cause string) {
	s := r.state(f)
	r.cancel(f)
	switch f.Phase {
	case reading:
		r.fail(f, s, &failure{errItemReader, cause, ""})
	case writing:
		r.forkEnded(f, s, &failure{errWriter, cause, ""})
	default:
		r.taskError(f, s, &failure{name, cause, ""})
	}
}

// taskError notes how a task failed before the state does.
func (r *run) taskError(f *Frame, s *definition.State, fail *failure) {
	what := "Failed"
	if fail.name == errTimeout || fail.name == errHeartbeat {
		what = "TimedOut"
	}
	var more []any
	for k, v := range errorDetails(fail.name, fail.cause).All() {
		more = append(more, k, v)
	}
	kind, o := resourceOf(s.Resource).event(what, more...)
	r.history(f, kind, o)
	r.fail(f, s, fail)
}
