// Package flow interprets state machines in the Amazon States Language. Step
// takes the state of a run and one event and gives the effects: tasks to call,
// timers to set, history to keep. It has no clock, does no input or output and
// draws its random numbers from what it is given, so that the same arguments
// give the same effects; a run can be written as JSON between any two steps. It
// does not know who calls tasks or where runs are kept.
package flow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"time"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/value"
)

// Status is how a run does.
type Status string

// The statuses of AWS.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Limits of AWS. Those that a run has as a field can be changed for it.
const (
	DefaultMaxEvents      = 25_000
	DefaultMaxPayload     = 262_144 // bytes of a state's input or output
	DefaultMaxTransitions = 500     // in one step
	InlineConcurrency     = 40
	DistributedLimit      = 10_000 // concurrent items of a distributed Map
)

// Execution is the state of a run. Its fields are for reading, and for writing
// as JSON; Step changes them.
type Execution struct {
	ID, Name             string
	Machine, MachineName string // ARN or other id, and name
	RoleArn              string `json:",omitempty"`
	RedriveCount         int    `json:",omitempty"`
	StartTime            time.Time
	Input                value.JSON
	Status               Status
	Output               value.JSON
	Error, Cause         string `json:",omitempty"`
	LastEvent            int    // the id of the last event of the history
	MaxEvents            int
	MaxPayload           int // bytes
	Frames               []*Frame
	Ready                []int // frames that can go on
	NextFrame, NextToken int
}

// Frame is a place in a machine: the run itself, a branch or an item.
type Frame struct {
	ID, Parent   int // Parent is -1 of the run itself
	Index        int // which branch or item of the parent's state
	State        string
	Phase        Phase
	Input        value.JSON // of the state
	Item         value.JSON // of a Map
	Vars         *value.Object
	Entered      time.Time
	EnteredEvent int
	Previous     int    // the last event of this frame
	Attempts     []int  `json:",omitempty"` // of each Retrier
	Retries      int    `json:",omitempty"` // of the state in all
	Token        string `json:",omitempty"` // of what the frame waits for
	Heartbeat    int    `json:",omitempty"` // seconds
	Fork         *Fork  `json:",omitempty"`
}

// Phase is what a frame does.
type Phase string

const (
	entering Phase = "enter" // the state begins
	retrying Phase = "retry" // it waits for another attempt
	working  Phase = "task"  // it waits for a task
	waiting  Phase = "wait"  // it waits for the time
	forked   Phase = "fork"  // it waits for branches or items
	reading  Phase = "read"  // it waits for the items of an ItemReader
	writing  Phase = "write" // it waits for a ResultWriter
)

// Fork is a Parallel or Map state at work.
type Fork struct {
	Items                       value.JSON // of a Map
	Total, Next, Done, Failures int
	Concurrency                 int
	Results                     []value.JSON `json:",omitempty"`
	MapRun                      string       `json:",omitempty"` // the ARN, of a distributed Map
	Children                    []*Child     `json:",omitempty"` // of a distributed Map
	Written                     value.JSON   // what a ResultWriter gives once it has written
	Error, Cause                string       `json:",omitempty"` // with which the state fails after that
}

// New is a run that has not begun. Its first event is Start.
func New(id, name string, input any) *Execution {
	return &Execution{ID: id, Name: name, Machine: "machine", MachineName: "machine", Input: value.JSON{Any: input}, Status: Running,
		MaxEvents: DefaultMaxEvents, MaxPayload: DefaultMaxPayload}
}

// ErrStale is an event for a task or timer that nobody waits for any more: it
// was answered, cancelled or repeated. The run has not changed.
var ErrStale = errors.New("nothing waits for this event")

// Interpreter runs one machine. It holds no state of runs.
type Interpreter struct {
	Machine        *definition.Machine
	MaxTransitions int // in one step; 0 is DefaultMaxTransitions
}

// Step applies an event to a run, goes on until every part of it waits, and
// gives the effects in the order in which they happened. After
// MaxTransitions states it stops with the effect Yield, and wants the event
// Continue. The error is ErrStale, or a run that does not fit the machine.
func (i *Interpreter) Step(x *Execution, e Event, now time.Time, random rand.Source) (effects []Effect, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, ok := r.(mismatch)
			if !ok {
				panic(r)
			}
			effects, err = nil, p.err
		}
	}()
	if x.Status != Running {
		return nil, ErrStale
	}
	r := &run{x: x, machine: i.Machine, now: now.UTC(), random: rand.New(random), left: i.MaxTransitions}
	if r.left == 0 {
		r.left = DefaultMaxTransitions
	}
	if err := r.apply(e); err != nil {
		return nil, err
	}
	r.advance()
	return r.effects, nil
}

// mismatch is a run that another machine began.
type mismatch struct{ err error }

// run is one step.
type run struct {
	x       *Execution
	machine *definition.Machine
	now     time.Time
	random  *rand.Rand
	left    int // transitions
	effects []Effect

	lastObject *value.Object // of text
	lastText   string
}

func (r *run) do(e Effect) { r.effects = append(r.effects, e) }

// frame finds a frame by its id; the list is in order.
func (r *run) frame(id int) *Frame {
	i := sort.Search(len(r.x.Frames), func(i int) bool { return r.x.Frames[i].ID >= id })
	if i < len(r.x.Frames) && r.x.Frames[i].ID == id {
		return r.x.Frames[i]
	}
	return nil
}

func (r *run) remove(f *Frame) {
	i := sort.Search(len(r.x.Frames), func(i int) bool { return r.x.Frames[i].ID >= f.ID })
	r.x.Frames = append(r.x.Frames[:i], r.x.Frames[i+1:]...)
}

// machineOf is the machine that a frame is in.
func (r *run) machineOf(f *Frame) *definition.Machine {
	if f.Parent < 0 {
		return r.machine
	}
	parent := r.frame(f.Parent)
	if parent == nil {
		panic(mismatch{fmt.Errorf("the run has no frame %d", f.Parent)})
	}
	s := r.state(parent)
	if s.Map != nil {
		return s.Map.Processor
	}
	if f.Index >= len(s.Branches) {
		panic(mismatch{fmt.Errorf("the state %q has no branch %d", s.Name, f.Index)})
	}
	return s.Branches[f.Index]
}

func (r *run) state(f *Frame) *definition.State {
	s := r.machineOf(f).States[f.State]
	if s == nil {
		panic(mismatch{fmt.Errorf("the machine has no state %q: the run was begun with another definition", f.State)})
	}
	return s
}

// add makes a frame that is ready to enter a machine.
func (r *run) add(parent *Frame, index int, m *definition.Machine, input any) *Frame {
	f := &Frame{ID: r.x.NextFrame, Parent: -1, Index: index, State: m.StartAt, Phase: entering, Input: value.JSON{Any: input}, Vars: &value.Object{}}
	if parent != nil {
		f.Parent, f.Vars, f.Previous = parent.ID, parent.Vars, parent.Previous
	}
	r.x.NextFrame++
	r.x.Frames = append(r.x.Frames, f)
	r.x.Ready = append(r.x.Ready, f.ID)
	return f
}

// token names what a frame waits for. A token is never used again.
func (r *run) token(f *Frame) string {
	r.x.NextToken++
	f.Token = fmt.Sprintf("%d.%d", f.ID, r.x.NextToken)
	return f.Token
}

// advance goes on with the frames that are ready.
func (r *run) advance() {
	for len(r.x.Ready) > 0 && r.x.Status == Running {
		if r.left == 0 {
			r.do(Yield{})
			return
		}
		r.left--
		f := r.frame(r.x.Ready[0])
		r.x.Ready = r.x.Ready[1:]
		if f != nil && f.Phase == entering {
			r.enter(f)
		}
	}
}
