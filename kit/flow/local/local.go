// Package local runs a workflow in memory, with canned results in place of
// tasks and a clock that jumps to the next timer: for tests and for trying a
// definition out. It calls nothing and waits for nothing.
package local

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"fnstore/kit/flow"
	"fnstore/kit/flow/definition"
)

// Answer is what a task gives: a result, or an error if Error is set. Silent
// tasks give nothing and end by their timeout.
type Answer struct {
	Result       any
	Error, Cause string
	Silent       bool
}

// Run is how a workflow is run.
type Run struct {
	Machine *definition.Machine
	Input   any
	// Answer gives the result of a task.
	Answer func(flow.Task) (Answer, error)
	// Read gives the items of an ItemReader; without it they are the result of
	// the state.
	Read func(flow.ReadItems) ([]any, error)
	// Between is called between any two steps, and may give another execution
	// to go on with.
	Between  func(*flow.Execution) (*flow.Execution, error)
	MaxSteps int // 0 is DefaultMaxSteps
	// MaxTransitions and MaxEvents are as in package flow; 0 are the defaults.
	MaxTransitions, MaxEvents int
}

// DefaultMaxSteps is how many steps a run may take before it is given up.
const DefaultMaxSteps = 1_000_000

// Result is how a run ended, with its history.
type Result struct {
	Execution *flow.Execution
	History   []flow.History
	Tasks     []flow.Task // as called
	Files     []flow.File // of ResultWriters
	Elapsed   time.Duration
	Delays    []time.Duration // of timers for retries
}

// Epoch is when runs begin.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Do runs the workflow to its end.
func (c Run) Do() (*Result, error) {
	res := &Result{Execution: flow.New("arn:aws:states:local:000000000000:execution:machine:run", "run", c.Input)}
	if c.MaxEvents > 0 {
		res.Execution.MaxEvents = c.MaxEvents
	}
	in := &flow.Interpreter{Machine: c.Machine, MaxTransitions: c.MaxTransitions}
	if c.MaxSteps == 0 {
		c.MaxSteps = DefaultMaxSteps
	}
	d := &driver{Run: c, res: res, now: Epoch}
	queue := []flow.Event{flow.Start{}}
	random := rand.NewPCG(1, 2)
	for range c.MaxSteps {
		if len(queue) == 0 {
			e, ok := d.nextTimer()
			if !ok {
				return res, errors.New("the run waits for something that never comes")
			}
			queue = append(queue, e)
		}
		effects, err := in.Step(res.Execution, queue[0], d.now, random)
		queue = queue[1:]
		if err != nil && !errors.Is(err, flow.ErrStale) {
			return res, err
		}
		more, err := d.carryOut(effects)
		if err != nil {
			return res, err
		}
		queue = append(queue, more...)
		res.Elapsed = d.now.Sub(Epoch)
		if res.Execution.Status != flow.Running {
			return res, nil
		}
		if c.Between != nil {
			if res.Execution, err = c.Between(res.Execution); err != nil {
				return res, err
			}
		}
	}
	return res, fmt.Errorf("the run did not end within %d steps", c.MaxSteps)
}

// driver plays the world around the interpreter.
type driver struct {
	Run
	res    *Result
	now    time.Time
	timers []flow.Timer
}

func (d *driver) carryOut(effects []flow.Effect) (events []flow.Event, err error) {
	for _, e := range effects {
		switch e := e.(type) {
		case flow.History:
			d.res.History = append(d.res.History, e)
		case flow.Yield:
			events = append(events, flow.Continue{})
		case flow.Cancel:
			d.drop(func(t flow.Timer) bool { return t.Token == e.Token })
		case flow.Timer:
			d.drop(func(t flow.Timer) bool { return t.Token == e.Token && t.Kind == e.Kind })
			d.timers = append(d.timers, e)
			if e.Kind == flow.TimerRetry {
				d.res.Delays = append(d.res.Delays, e.At.Sub(d.now))
			}
		case flow.Task:
			d.res.Tasks = append(d.res.Tasks, e)
			a, err := d.Answer(e)
			switch {
			case err != nil:
				return nil, err
			case a.Silent:
			case a.Error != "":
				events = append(events, flow.TaskFailed{Token: e.Token, Error: a.Error, Cause: a.Cause})
			default:
				events = append(events, flow.TaskSucceeded{Token: e.Token, Output: a.Result})
			}
		case flow.ReadItems:
			items, err := d.read(e)
			if err != nil {
				return nil, err
			}
			events = append(events, items)
		case flow.WriteResults:
			d.res.Files = append(d.res.Files, e.Files...)
			events = append(events, flow.TaskSucceeded{Token: e.Token})
		}
	}
	return events, nil
}

// read gives the items of an ItemReader, or its failure.
func (d *driver) read(e flow.ReadItems) (flow.Event, error) {
	if d.Read != nil {
		items, err := d.Read(e)
		return flow.ItemsRead{Token: e.Token, Items: items}, err
	}
	a, err := d.Answer(flow.Task{Token: e.Token, State: e.State, Resource: e.Resource, Input: e.Input})
	if err != nil || a.Error != "" {
		return flow.TaskFailed{Token: e.Token, Error: a.Error, Cause: a.Cause}, err
	}
	items, ok := a.Result.([]any)
	if !ok {
		return nil, fmt.Errorf("the canned items of the state %q are not an array", e.State)
	}
	return flow.ItemsRead{Token: e.Token, Items: items}, nil
}

func (d *driver) drop(gone func(flow.Timer) bool) {
	kept := d.timers[:0]
	for _, t := range d.timers {
		if !gone(t) {
			kept = append(kept, t)
		}
	}
	d.timers = kept
}

// nextTimer jumps to the earliest timer.
func (d *driver) nextTimer() (flow.Event, bool) {
	first := -1
	for i, t := range d.timers {
		if first < 0 || t.At.Before(d.timers[first].At) {
			first = i
		}
	}
	if first < 0 {
		return nil, false
	}
	t := d.timers[first]
	d.timers = append(d.timers[:first], d.timers[first+1:]...)
	if t.At.After(d.now) {
		d.now = t.At
	}
	return flow.TimerFired{Token: t.Token, Kind: t.Kind}, true
}
