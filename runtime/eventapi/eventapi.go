// Package eventapi serves what an operator asks of the connectors: schedules,
// topics and the picture of which event calls which function. It does not know
// who may ask, nor does it read any source itself.
package eventapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"fnstore/connectors/cron"
	"fnstore/connectors/hook"
	"fnstore/connectors/topic"
	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/trace"
	"fnstore/kit/wire"
	"fnstore/runtime/gateway"
	"fnstore/runtime/spans"
)

// API is what the routes act on.
type API struct {
	DB        queue.DB
	Functions hook.Functions
	Record    func(spans.Span) // remembers publications; nil for nobody
	Changed   func()           // something was put into the queue, or may be; nil for none
}

// Routes gives the routes, which are below prefix: /system for programs, and
// another one for the page.
func (a API) Routes(prefix string) []gateway.Route {
	return []gateway.Route{
		{Pattern: "GET " + prefix + "/events", Serve: a.graph},
		{Pattern: "GET " + prefix + "/schedules", Serve: a.schedules},
		{Pattern: "POST " + prefix + "/schedules/run", Serve: a.run},
		{Pattern: "POST " + prefix + "/schedules/pause", Serve: a.pause},
		{Pattern: "POST " + prefix + "/schedules/resume", Serve: a.resume},
		{Pattern: "GET " + prefix + "/topics", Serve: a.topics},
		{Pattern: "POST " + prefix + "/topics/{name...}", Serve: a.publish},
	}
}

func (a API) changed() {
	if a.Changed != nil {
		a.Changed()
	}
}

func (a API) graph(w http.ResponseWriter, r *http.Request) error {
	functions, err := a.Functions(r.Context())
	if err != nil {
		return err
	}
	return wire.JSON(w, http.StatusOK, Graph(functions))
}

// Schedule is one schedule of one function, as GET /system/schedules gives it.
type Schedule struct {
	Function string     `json:"function"`
	Schedule string     `json:"schedule"`
	Zone     string     `json:"zone"` // of a schedule that names none
	Path     string     `json:"path"`
	Missed   string     `json:"missed"`
	Overlap  string     `json:"overlap"`
	Paused   bool       `json:"paused"`
	Last     *time.Time `json:"last,omitempty"` // tick that a message was written for, or when the schedule began
	Next     *time.Time `json:"next,omitempty"`
}

// Parse reads the schedule, whose ticks then can be computed.
func (s Schedule) Parse() (*cron.Schedule, error) {
	zone, err := cron.LoadZone(s.Zone)
	if err != nil {
		return nil, err
	}
	return cron.Parse(s.Schedule, zone)
}

func (a API) schedules(w http.ResponseWriter, r *http.Request) error {
	list, err := a.list(r.Context())
	if err != nil {
		return err
	}
	return wire.JSON(w, http.StatusOK, list)
}

func (a API) list(ctx context.Context) ([]Schedule, error) {
	functions, err := a.Functions(ctx)
	if err != nil {
		return nil, err
	}
	checkpoints, err := hook.Checkpoints(ctx, a.DB, cron.SourceName)
	if err != nil {
		return nil, err
	}
	list := []Schedule{}
	for _, f := range functions {
		entries, _ := cron.Entries(f) // refused when it was deployed
		for _, e := range entries {
			s := Schedule{Function: f.Name, Schedule: e.Schedule.String(), Zone: e.Schedule.Zone(), Path: e.Path, Missed: string(e.Missed), Overlap: string(e.Overlap)}
			if c, there := checkpoints[e.Part()]; there {
				s.Paused = c.Paused
				if at, err := time.Parse(time.RFC3339Nano, c.Position); err == nil {
					s.Last = &at
				}
			}
			if next := e.Schedule.Next(time.Now()); !next.IsZero() && !s.Paused {
				s.Next = &next
			}
			list = append(list, s)
		}
	}
	return list, nil
}

// choice names a schedule in a request.
type choice struct {
	Function string `json:"function"`
	Schedule string `json:"schedule"` // "" means the only one
}

func (a API) entry(w http.ResponseWriter, r *http.Request) (cron.Entry, error) {
	body, err := wire.Body(w, r, 64<<10)
	if err != nil {
		return cron.Entry{}, err
	}
	var c choice
	if err := wire.Decode(body, &c); err != nil {
		return cron.Entry{}, err
	}
	functions, err := a.Functions(r.Context())
	if err != nil {
		return cron.Entry{}, err
	}
	var found []cron.Entry
	for _, f := range functions {
		if f.Name != c.Function {
			continue
		}
		entries, _ := cron.Entries(f)
		for _, e := range entries {
			if c.Schedule == "" || c.Schedule == e.Schedule.String() {
				found = append(found, e)
			}
		}
	}
	switch len(found) {
	case 0:
		return cron.Entry{}, fault.New(fault.NotFound, "no_such_schedule", "%q has no such schedule", c.Function)
	case 1:
		return found[0], nil
	}
	return cron.Entry{}, fault.New(fault.Invalid, "which_schedule", "%s has %d schedules; say which", c.Function, len(found))
}

// run writes a message as a tick would, now.
func (a API) run(w http.ResponseWriter, r *http.Request) error {
	e, err := a.entry(w, r)
	if err != nil {
		return err
	}
	accepted, err := queue.Enqueue(r.Context(), a.DB, e.Message(time.Now()))
	if err != nil {
		return err
	}
	a.changed()
	w.Header().Set("X-Call-Id", accepted.CallID)
	return wire.JSON(w, http.StatusAccepted, map[string]string{"call_id": accepted.CallID})
}

func (a API) pause(w http.ResponseWriter, r *http.Request) error {
	return a.change(w, r, func(ctx context.Context, part string) error { return hook.Pause(ctx, a.DB, cron.SourceName, part) })
}

func (a API) resume(w http.ResponseWriter, r *http.Request) error {
	return a.change(w, r, func(ctx context.Context, part string) error {
		return hook.Resume(ctx, a.DB, cron.SourceName, part, time.Now().UTC().Format(time.RFC3339Nano))
	})
}

func (a API) change(w http.ResponseWriter, r *http.Request, f func(context.Context, string) error) error {
	e, err := a.entry(w, r)
	if err != nil {
		return err
	}
	if err := f(r.Context(), e.Part()); errors.Is(err, hook.ErrNoPart) {
		return fault.New(fault.Conflict, "schedule_not_begun", "the connector has not seen this schedule yet; try again in a moment").Because(err)
	} else if err != nil {
		return err
	}
	a.changed()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Topic is a topic and who subscribes to it.
type Topic struct {
	Topic       string   `json:"topic"`
	Subscribers []string `json:"subscribers"`
}

func (a API) topics(w http.ResponseWriter, r *http.Request) error {
	functions, err := a.Functions(r.Context())
	if err != nil {
		return err
	}
	list := []Topic{}
	at := map[string]int{}
	for _, f := range functions {
		sub, _ := topic.SubscriberOf(f)
		for _, name := range sub.Topics() {
			i, there := at[name]
			if !there {
				i = len(list)
				at[name] = i
				list = append(list, Topic{Topic: name})
			}
			list[i].Subscribers = append(list[i].Subscribers, f.Name)
		}
	}
	return wire.JSON(w, http.StatusOK, list)
}

// maxPublication is the longest body that is published, in bytes.
const maxPublication = queue.MaxBody

func (a API) publish(w http.ResponseWriter, r *http.Request) error {
	body, err := wire.Body(w, r, maxPublication)
	if err != nil {
		return err
	}
	p := topic.Publication{Topic: r.PathValue("name"), Body: body, Header: http.Header{}, Group: r.Header.Get("X-Fnstore-Group"), DedupKey: r.Header.Get("Idempotency-Key")}
	for _, name := range []string{"Content-Type", "Traceparent", "Tracestate"} {
		if v := r.Header.Get(name); v != "" {
			p.Header.Set(name, v)
		}
	}
	if text := r.Header.Get(topic.HeaderAttributes); text != "" {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&p.Attributes); err != nil {
			return fault.New(fault.Invalid, "bad_attributes", "%s is no JSON object", topic.HeaderAttributes).Because(err)
		}
	}
	start := time.Now()
	step, linked := trace.Of(r.Header)
	before := step.Span
	if linked {
		step = step.Child()
	} else {
		step = trace.New()
		p.Header.Del(trace.HeaderState)
	}
	p.Header.Set(trace.Header, step.String())
	accepted, err := topic.Publish(r.Context(), a.DB, p)
	if err != nil {
		return err
	}
	a.changed()
	if a.Record != nil {
		a.Record(spans.Span{
			Context: step, Parent: before, Linked: linked, Kind: spans.Publish, CallID: accepted.CallID,
			Start: start, Took: time.Since(start), Status: http.StatusAccepted,
		})
	}
	w.Header().Set("X-Call-Id", accepted.CallID)
	w.WriteHeader(http.StatusAccepted)
	return nil
}
