package flow

import (
	"math"
	"slices"
	"time"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/value"
)

// Names of errors, as in AWS.
const (
	errAll        = "States.ALL"
	errRuntime    = "States.Runtime"
	errTaskFailed = "States.TaskFailed"
	errTimeout    = "States.Timeout"
	errHeartbeat  = "States.HeartbeatTimeout"
	errDataLimit  = "States.DataLimitExceeded"
	errIntrinsic  = "States.IntrinsicFailure"
	errResultPath = "States.ResultPathMatchFailure"
	errNoChoice   = "States.NoChoiceMatched"
	errQuery      = "States.QueryEvaluationError"
	errTolerance  = "States.ExceedToleratedFailureThreshold"
	errItemReader = "States.ItemReaderFailed"
	errWriter     = "States.ResultWriterFailed"
)

// Matches is true if a Retrier or Catcher with these names is for the error.
// States.ALL is for everything but States.DataLimitExceeded and States.Runtime,
// and nothing is for States.Runtime.
func Matches(names []string, name string) bool {
	if name == errRuntime {
		return false
	}
	return slices.ContainsFunc(names, func(n string) bool {
		switch n {
		case name:
			return true
		case errAll:
			return name != errDataLimit
		case errTaskFailed:
			return name != errTimeout && name != errHeartbeat && name != errDataLimit
		case errTimeout:
			return name == errHeartbeat
		}
		return false
	})
}

// fail ends an attempt of a state: a Retrier, a Catcher, or the frame fails.
func (r *run) fail(f *Frame, s *definition.State, fail *failure) {
	r.cancel(f)
	if fail.location != "" {
		details := errorDetails(fail.name, fail.cause)
		details.Set("location", fail.location)
		details.Set("state", s.Name)
		r.history(f, "EvaluationFailed", details)
	}
	if r.retry(f, s, fail) || r.catch(f, s, fail) {
		return
	}
	r.failFrame(f, fail)
}

// retry waits for another attempt if a Retrier allows one.
func (r *run) retry(f *Frame, s *definition.State, fail *failure) bool {
	for i, retrier := range s.Retry {
		if !Matches(retrier.ErrorEquals, fail.name) {
			continue
		}
		if f.Attempts == nil {
			f.Attempts = make([]int, len(s.Retry))
		}
		if i >= len(f.Attempts) || f.Attempts[i] >= retrier.MaxAttempts {
			return false
		}
		delay := Delay(retrier, f.Attempts[i])
		if retrier.FullJitter {
			delay = time.Duration(r.random.Float64() * float64(delay))
		}
		f.Attempts[i]++
		f.Retries++
		f.Phase, f.Fork = retrying, nil
		r.do(Timer{r.token(f), TimerRetry, r.now.Add(delay)})
		return true
	}
	return false
}

// Delay is how long a Retrier waits before an attempt, without jitter. Attempts
// counts those that it gave before.
func Delay(r definition.Retrier, attempts int) time.Duration {
	most := float64(r.MaxDelaySeconds)
	if r.MaxDelaySeconds == 0 {
		most = 31_622_400 // a year: more than a run lasts
	}
	seconds := float64(r.IntervalSeconds) * math.Pow(r.BackoffRate, float64(attempts))
	return time.Duration(math.Min(seconds, most) * float64(time.Second))
}

// catch goes to the state of the first Catcher that is for the error.
func (r *run) catch(f *Frame, s *definition.State, fail *failure) bool {
	for _, c := range s.Catch {
		if !Matches(c.ErrorEquals, fail.name) {
			continue
		}
		d := r.data(f, s)
		caught := value.NewObject("Error", fail.name, "Cause", fail.cause)
		var output any
		var vars *value.Object
		var wrong *failure
		if s.JSONata {
			output, vars, wrong = d.queried(c.Assign, c.Output, value.NewObject("errorOutput", caught), caught)
		} else {
			vars, wrong = d.assign(c.Assign, caught)
			if wrong == nil {
				output, wrong = d.place(c.ResultPath, caught)
			}
		}
		if wrong == nil && r.x.MaxPayload > 0 && tooLarge(output, r.x.MaxPayload) {
			wrong = fail // what was caught cannot be passed on
		}
		if wrong != nil {
			r.failFrame(f, wrong)
			return true
		}
		f.Fork = nil
		r.leave(f, s, output, vars, c.Next)
		return true
	}
	return false
}

// failFrame ends a frame, and what it is a part of, with an error.
func (r *run) failFrame(f *Frame, fail *failure) {
	r.cancel(f)
	r.abortBelow(f.ID)
	if f.Parent >= 0 {
		r.partFailed(f, fail)
		return
	}
	r.finishFrom(f, Failed, nil, fail.name, fail.cause)
}

func (r *run) failState(f *Frame, d *data) {
	name, cause := "", ""
	for _, field := range []struct {
		scalar *definition.Scalar
		into   *string
	}{{d.state.Error, &name}, {d.state.Cause, &cause}} {
		v, ok, fail := d.scalar(field.scalar)
		if fail != nil {
			r.fail(f, d.state, fail)
			return
		}
		s, isString := v.(string)
		if ok && !isString {
			r.fail(f, d.state, d.runtime("The value of the field '%s' must be a string, and is %s", field.scalar.Field, value.Text(v)))
			return
		}
		*field.into = s
	}
	r.failFrame(f, &failure{name: name, cause: cause})
}

// abortBelow ends every frame below one, without their own end.
func (r *run) abortBelow(id int) {
	for i := len(r.x.Frames) - 1; i >= 0; i-- {
		f := r.x.Frames[i]
		if f.ID == id || !r.below(f, id) {
			continue
		}
		r.cancel(f)
		switch f.Phase {
		case working, waiting, forked, reading, writing, retrying:
			s := r.state(f)
			r.history(f, s.Type+"StateAborted", &value.Object{})
		}
		if f.Parent >= 0 {
			if s := r.state(r.frame(f.Parent)); s.Map != nil && f.Phase != "" {
				r.history(f, "MapIterationAborted", value.NewObject("name", s.Name, "index", value.Int(f.Index)))
			}
		}
		defer r.remove(f)
	}
}

func (r *run) below(f *Frame, id int) bool {
	for id >= 0 && f != nil {
		if f.Parent == id {
			return true
		}
		f = r.frame(f.Parent)
	}
	return id < 0
}
