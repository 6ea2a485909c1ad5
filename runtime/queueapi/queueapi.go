// Package queueapi serves what an operator asks of the queue: dead letters, the
// jobs that retry or purge many of them, paused functions and the queue's
// numbers. It does not know who may ask; the gateway and the page decide that.
package queueapi

import (
	"context"
	"net/http"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/queue/circuit"
	"fnstore/kit/wire"
)

// Config is what the routes act on.
type Config struct {
	DB     queue.DB
	Bodies queue.Bodies // nil where every body is in its row
	// Exists reports whether a function can have messages; nil means that any
	// name can.
	Exists func(ctx context.Context, function string) error
	// Changed is called when messages may flow that did not before: workers of
	// this process look at once. Nil for none.
	Changed func()
}

// Route is a pattern of http.ServeMux below a prefix, and what serves it.
type Route struct {
	Method, Path string
	Serve        func(http.ResponseWriter, *http.Request) error
}

// api has the routes as its methods.
type api struct {
	Config
	prefix  string
	numbers *Numbers
}

// Routes gives the routes below a prefix such as /system. Numbers are shared by
// all who show them.
func Routes(prefix string, c Config, n *Numbers) []Route {
	a := &api{c, prefix, n}
	return []Route{
		{"GET", prefix + "/dead-letters", a.list},
		{"GET", prefix + "/dead-letters/{id}", a.show},
		{"POST", prefix + "/dead-letters/retry", a.retry},
		{"POST", prefix + "/dead-letters/purge", a.purge},
		{"GET", prefix + "/dead-letters/jobs", a.jobs},
		{"GET", prefix + "/dead-letters/jobs/{id}", a.job},
		{"DELETE", prefix + "/dead-letters/jobs/{id}", a.cancel},
		{"GET", prefix + "/queue", a.queue},
		{"POST", prefix + "/queue/pause", a.pause},
		{"POST", prefix + "/queue/resume", a.resume},
	}
}

func (a *api) changed() {
	a.numbers.forget()
	if a.Changed != nil {
		a.Changed()
	}
}

// Function is one function's part of the queue, as GET /queue gives it.
type Function struct {
	Function   string           `json:"function"`
	Waiting    int64            `json:"waiting"`     // messages that no worker has
	InFlight   int64            `json:"in_flight"`   // messages that a worker has
	AgeSeconds float64          `json:"age_seconds"` // of the oldest of both, since it was accepted
	Attempts   int64            `json:"attempts"`    // deliveries begun of the messages that are still here
	Dead       int64            `json:"dead"`        // dead letters that are kept
	Circuit    *circuit.Circuit `json:"circuit,omitempty"`
}

// State is "" while messages flow, else open or paused.
func (f Function) State() string {
	if f.Circuit == nil {
		return ""
	}
	return string(f.Circuit.State)
}

func (a *api) queue(w http.ResponseWriter, r *http.Request) error {
	list, at, err := a.numbers.Read(r.Context())
	if err != nil {
		return err
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"at": at.UTC().Format(time.RFC3339Nano), "functions": list})
}

// pauseRequest is the body of POST /queue/pause and /queue/resume.
type pauseRequest struct {
	Function string `json:"function"`
	Reason   string `json:"reason,omitempty"` // of a pause, for those who see it
}

// Bounds of what is stored for a pause.
const (
	maxRequest = 64 << 10
	maxReason  = 500 // bytes
)

func readPause(w http.ResponseWriter, r *http.Request) (p pauseRequest, err error) {
	body, err := wire.Body(w, r, maxRequest)
	if err != nil {
		return p, err
	}
	if err := wire.Decode(body, &p); err != nil {
		return p, err
	}
	if p.Function == "" || len(p.Function) > maxReason {
		return p, fault.New(fault.Invalid, "bad_request", "function is required")
	}
	if len(p.Reason) > maxReason || !clean(p.Reason) || !clean(p.Function) {
		return p, fault.New(fault.Invalid, "bad_request", "the reason has more than %d bytes, or control characters", maxReason)
	}
	return p, nil
}

func (a *api) pause(w http.ResponseWriter, r *http.Request) error {
	p, err := readPause(w, r)
	if err != nil {
		return err
	}
	if a.Exists != nil {
		if err := a.Exists(r.Context(), p.Function); err != nil {
			return err
		}
	}
	if p.Reason == "" {
		p.Reason = "an operator paused it"
	}
	if err := circuit.Pause(r.Context(), a.DB, p.Function, p.Reason); err != nil {
		return err
	}
	a.changed()
	return wire.JSON(w, http.StatusOK, map[string]string{"function": p.Function, "state": string(circuit.Paused)})
}

// resume ends a pause, whoever made it. A function whose messages flow is a
// conflict: nothing was done.
func (a *api) resume(w http.ResponseWriter, r *http.Request) error {
	p, err := readPause(w, r)
	if err != nil {
		return err
	}
	was, err := circuit.Resume(r.Context(), a.DB, p.Function)
	if err != nil {
		return err
	}
	if !was {
		return fault.New(fault.Conflict, "not_paused", "the messages of %s are not stopped", p.Function)
	}
	a.changed()
	return wire.JSON(w, http.StatusOK, map[string]string{"function": p.Function, "state": ""})
}

// clean reports whether Postgres can keep a text and a terminal can show it.
func clean(s string) bool {
	for _, c := range s {
		if c < ' ' || c == 0x7f || c == '\uFFFD' {
			return false
		}
	}
	return true
}
