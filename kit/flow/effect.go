package flow

import (
	"time"

	"fnstore/kit/flow/value"
)

// Event is what happened to a run: one of Start, Continue, TaskSucceeded,
// TaskFailed, Heartbeat, TimerFired, ItemsRead, ItemsFailed and Stop.
type Event interface{ event() }

type (
	// Start begins the run.
	Start struct{}
	// Continue goes on after Yield.
	Continue struct{}
	// TaskSucceeded is the result of a Task, or of WriteResults.
	TaskSucceeded struct {
		Token  string
		Output any
	}
	// TaskFailed is the failure of a Task, ReadItems or WriteResults.
	TaskFailed struct{ Token, Error, Cause string }
	// Heartbeat is a sign of life of a task.
	Heartbeat struct{ Token string }
	// TimerFired is a timer that is due.
	TimerFired struct {
		Token string
		Kind  TimerKind
	}
	// ItemsRead is what an ItemReader read.
	ItemsRead struct {
		Token string
		Items []any
	}
	// Stop aborts the run.
	Stop struct{ Error, Cause string }
)

func (Start) event()         {}
func (Continue) event()      {}
func (TaskSucceeded) event() {}
func (TaskFailed) event()    {}
func (Heartbeat) event()     {}
func (TimerFired) event()    {}
func (ItemsRead) event()     {}
func (Stop) event()          {}

// TimerKind is what a timer is for.
type TimerKind string

// The kinds of timers.
const (
	TimerWait      TimerKind = "wait"
	TimerRetry     TimerKind = "retry"
	TimerTimeout   TimerKind = "timeout"
	TimerHeartbeat TimerKind = "heartbeat"
	TimerExecution TimerKind = "execution"
)

// Effect is what is to be done: one of Task, Timer, Cancel, History, ReadItems,
// WriteResults, Yield and Ended.
type Effect interface{ effect() }

type (
	// Task is to be called. Its answer is TaskSucceeded or TaskFailed with the
	// same token.
	Task struct {
		Token, State, Resource string
		Input                  any
		Credentials            any
		Attempt                int    // from 1
		IdempotencyKey         string // the same for every attempt of one entry of the state
		WaitForToken           bool   // the answer comes from elsewhere, with the token
	}
	// Timer is to be set. It takes the place of one with the same token and kind.
	Timer struct {
		Token string
		Kind  TimerKind
		At    time.Time
	}
	// Cancel is a task and timers that nobody waits for any more.
	Cancel struct{ Token string }
	// History is an event of the run's history.
	History struct {
		ID, Previous int
		Time         time.Time
		Type         string
		Details      *value.Object // without the details that AWS nests under a name
	}
	// ReadItems is an ItemReader's work. Its answer is ItemsRead or TaskFailed.
	ReadItems struct {
		Token, State, Resource string
		Input, Config          any
		MaxItems               int // 0 is all
	}
	// WriteResults is a ResultWriter's work: files in the bucket that Input
	// names, the manifest last. Its answer is TaskSucceeded, whose output is not
	// looked at, or TaskFailed.
	WriteResults struct {
		Token, State, Resource string
		Input, Config          any
		Files                  []File
	}
	// Yield asks for the event Continue.
	Yield struct{}
	// Ended is the end of the run.
	Ended struct {
		Status       Status
		Output       any
		Error, Cause string
	}
)

func (Task) effect()         {}
func (Timer) effect()        {}
func (Cancel) effect()       {}
func (History) effect()      {}
func (ReadItems) effect()    {}
func (WriteResults) effect() {}
func (Yield) effect()        {}
func (Ended) effect()        {}
