// Package cron turns the schedules of deployed functions into messages, exactly
// one for each tick however many replicas read them. It does not know what the
// functions do, nor when a message is delivered.
package cron

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"fnstore/connectors/hook"
	"fnstore/kit/queue"
)

// SourceName is the source of the schedules' checkpoints.
const SourceName = "cron"

// HeaderTick is the time of the tick that a message stands for (RFC 3339).
const HeaderTick = "X-Fnstore-Tick"

// DefaultRefresh is how often a Source looks which functions are deployed.
const DefaultRefresh = 30 * time.Second

// Source reads schedules. It is a hook.Source.
type Source struct {
	DB        queue.DB
	Functions hook.Functions
	Refresh   time.Duration // 0 means DefaultRefresh
	// Changed, when there is one, says that functions were deployed or removed.
	Changed <-chan struct{}
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	entries   map[string]*entry // by part
	refreshed time.Time
}

// entry is an Entry and how far it is.
type entry struct {
	Entry
	last   time.Time // the last tick that was dealt with
	due    time.Time // zero when none comes
	paused bool
}

// Name implements hook.Source.
func (*Source) Name() string { return SourceName }

// Connect looks which schedules there are and how far each one is.
func (s *Source) Connect(ctx context.Context) error {
	return s.refresh(ctx)
}

// Close implements hook.Source.
func (*Source) Close() error { return nil }

// Read waits for the next tick.
func (s *Source) Read(ctx context.Context) (hook.Event, func(error), error) {
	for {
		ev, ack, wait, err := s.poll(ctx)
		if ack != nil || err != nil {
			return ev, ack, err
		}
		select {
		case <-time.After(wait):
		case <-s.Changed:
			s.refreshed = time.Time{}
		case <-ctx.Done():
			return hook.Event{}, nil, ctx.Err()
		}
	}
}

// poll gives the event that is due, or how long there is none.
func (s *Source) poll(ctx context.Context) (ev hook.Event, ack func(error), wait time.Duration, err error) {
	if s.now().Sub(s.refreshed) >= s.every() {
		if err := s.refresh(ctx); err != nil {
			return ev, nil, 0, err
		}
	}
	now := s.now()
	wait = s.refreshed.Add(s.every()).Sub(now)
	e := s.next()
	if e == nil {
		return ev, nil, wait, nil
	}
	if e.due.After(now) {
		return ev, nil, min(wait, e.due.Sub(now)), nil
	}
	ev, tick := e.event(now)
	return ev, s.ack(ctx, e, tick), 0, nil
}

// event is what became of the ticks that are due: the messages, and the last tick
// that they stand for.
func (e *entry) event(now time.Time) (hook.Event, time.Time) {
	ticks := e.ticks(now)
	last := ticks[len(ticks)-1]
	ev := hook.Event{
		Advance:          hook.Advance{Part: e.Part(), From: stamp(e.last), To: stamp(last)},
		SkipWhilePending: e.Overlap == OverlapSkip,
	}
	fire := ticks[len(ticks)-1:]
	switch {
	case e.Missed == MissedAll:
		fire = ticks
	case e.Missed == MissedSkip && now.Sub(last) > Late:
		fire = nil
	}
	for _, tick := range fire {
		ev.Messages = append(ev.Messages, e.Message(tick))
	}
	return ev, last
}

// ticks gives the ticks that are due: those of the last MissedWindow, at most
// MaxMissed of them, or the last one when there was none in it.
func (e *entry) ticks(now time.Time) []time.Time {
	list := []time.Time{e.due}
	if t := e.Schedule.skip(e.due, now.Add(-MissedWindow)); t.After(e.due) && !t.After(now) {
		list[0] = t
	}
	for {
		t := e.Schedule.Next(list[len(list)-1])
		if t.IsZero() || t.After(now) {
			return list
		}
		if len(list) == MaxMissed {
			list = list[1:]
		}
		list = append(list, t)
	}
}

// Message is what a tick puts into the queue.
func (e Entry) Message(tick time.Time) queue.New {
	n := queue.New{
		Function: e.Function,
		Path:     e.Path,
		Headers: map[string][]string{
			"X-Topic":     {Topic},
			"X-Connector": {"cron-connector"},
			HeaderTick:    {tick.UTC().Format(time.RFC3339)},
		},
		Trusted: true,
	}
	if e.Overlap != OverlapAllow {
		n.Group = e.group()
	}
	return n
}

// ack steps over the tick. When somebody else has dealt with it, or it could not
// be written, the checkpoint says where to go on.
func (s *Source) ack(ctx context.Context, e *entry, tick time.Time) func(error) {
	return func(err error) {
		if err == nil {
			e.reached(tick)
			return
		}
		c, err := hook.Begin(ctx, s.DB, SourceName, e.Part(), stamp(e.last))
		if err == nil {
			err = e.resume(c)
		}
		if err != nil {
			slog.WarnContext(ctx, "a schedule's checkpoint cannot be read", "part", "connector", "source", SourceName, "cause", err)
			s.refreshed = time.Time{}
		}
	}
}

// resume goes on from a checkpoint.
func (e *entry) resume(c hook.Checkpoint) error {
	last, err := parse(c.Position)
	if err != nil {
		return err
	}
	e.paused = c.Paused
	e.reached(last)
	return nil
}

func (e *entry) reached(tick time.Time) { e.last, e.due = tick, e.Schedule.Next(tick) }

// refresh makes the entries those of the functions that are deployed now, and
// each one's place that of its checkpoint.
func (s *Source) refresh(ctx context.Context) error {
	functions, err := s.Functions(ctx)
	if err != nil {
		return fmt.Errorf("cron: which functions there are: %w", err)
	}
	known, err := hook.Checkpoints(ctx, s.DB, SourceName)
	if err != nil {
		return err
	}
	entries := map[string]*entry{}
	for _, f := range functions {
		list, err := Entries(f)
		if err != nil {
			slog.WarnContext(ctx, "a schedule cannot be read", "part", "connector", "source", SourceName, "function", f.Name, "cause", err)
		}
		for _, e := range list {
			c, there := known[e.Part()]
			if !there {
				if c, err = hook.Begin(ctx, s.DB, SourceName, e.Part(), stamp(s.now())); err != nil {
					return err
				}
			}
			added := &entry{Entry: e}
			if err := added.resume(c); err != nil {
				return err
			}
			entries[e.Part()] = added
		}
	}
	// A schedule that comes back later begins anew.
	for part := range known {
		if entries[part] == nil {
			if err := hook.Forget(ctx, s.DB, SourceName, slices.Sorted(maps.Keys(entries))); err != nil {
				return err
			}
			break
		}
	}
	s.entries, s.refreshed = entries, s.now()
	return nil
}

// next is the entry that is due first; nil for none.
func (s *Source) next() (first *entry) {
	for _, e := range s.entries {
		if !e.paused && !e.due.IsZero() && (first == nil || e.due.Before(first.due)) {
			first = e
		}
	}
	return first
}

func (s *Source) every() time.Duration {
	if s.Refresh > 0 {
		return s.Refresh
	}
	return DefaultRefresh
}

func (s *Source) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func parse(position string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, position)
	if err != nil {
		return time.Time{}, fmt.Errorf("cron: a checkpoint is no time: %w", err)
	}
	return t, nil
}
