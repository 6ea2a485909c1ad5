package minio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/connectors/hook"
	"fnstore/kit/queue"
)

// ReconcilerName is the source of what listings find.
const ReconcilerName = "reconcile"

// DefaultEvery is how often a watched place is listed.
const DefaultEvery = 5 * time.Minute

// slack is how far the store's clock may be behind ours.
const slack = time.Minute

// Reconciler lists the places that functions watch, and writes the messages that
// no notification led to. It is a hook.Source.
//
// What was there before a function was deployed is not its business: the
// checkpoint holds since when it watches.
type Reconciler struct {
	DB       queue.DB
	Store    *Store
	Watchers func() []hook.Watcher
	Every    time.Duration // 0 means DefaultEvery
	// Changed, when there is one, says that functions were deployed or removed.
	Changed <-chan struct{}

	found atomic.Uint64

	todo []place
	next time.Time
}

// place is one listing of a pass.
type place struct {
	watcher hook.Watcher
	since   time.Time
	bucket  string
	prefix  string
	after   string // the key that was listed last
}

// Found counts messages that no notification had led to.
func (r *Reconciler) Found() uint64 { return r.found.Load() }

// Name implements hook.Source.
func (*Reconciler) Name() string { return ReconcilerName }

// Connect begins a pass.
func (r *Reconciler) Connect(ctx context.Context) error {
	r.todo, r.next = nil, time.Time{}
	return r.begin(ctx)
}

// Close implements hook.Source.
func (*Reconciler) Close() error { return nil }

// Read lists the next page in which there may be something.
func (r *Reconciler) Read(ctx context.Context) (hook.Event, func(error), error) {
	for {
		if len(r.todo) == 0 {
			select {
			case <-time.After(time.Until(r.next)):
			case <-r.Changed:
			case <-ctx.Done():
				return hook.Event{}, nil, ctx.Err()
			}
			if err := r.begin(ctx); err != nil {
				return hook.Event{}, nil, err
			}
			continue
		}
		p := &r.todo[0]
		list, more, err := r.Store.page(ctx, p.bucket, p.prefix, p.after)
		var missed []object
		if err == nil {
			missed, err = r.missed(ctx, *p, list)
		}
		if err != nil {
			if ctx.Err() != nil {
				return hook.Event{}, nil, ctx.Err()
			}
			// A bucket that is not there, or not ours to list, stops no other.
			slog.WarnContext(ctx, "a watched place cannot be listed", "part", "connector", "source", ReconcilerName, "function", p.watcher.Function, "cause", err)
			r.todo = r.todo[1:]
			continue
		}
		return r.event(*p, list, missed, more), func(err error) {
			switch {
			case err != nil:
			case more:
				p.after = list[len(list)-1].Key
			default:
				r.todo = r.todo[1:]
			}
		}, nil
	}
}

// missed gives those of a listing that the function has not been called for, with
// what a listing does not say: how many functions led to them.
func (r *Reconciler) missed(ctx context.Context, p place, list []object) ([]object, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(o object) bool { return o.At.Before(p.since) })
	list, err := unknown(ctx, r.DB, p.watcher, list)
	if err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	errs := make([]error, len(list))
	for w := range min(heads, len(list)) {
		all.Go(func() {
			for i := w; i < len(list); i += heads {
				var o object
				if o, errs[i] = r.Store.stat(ctx, p.bucket, list[i].Key, ""); errs[i] == nil {
					list[i] = o
				}
			}
		})
	}
	all.Wait()
	there := list[:0]
	for i, o := range list {
		switch {
		case errs[i] == nil:
			there = append(there, o)
		case !errors.Is(errs[i], errGone):
			return nil, errs[i]
		}
	}
	return there, nil
}

// heads is how many objects are asked about at once.
const heads = 8

func (r *Reconciler) event(p place, list, missed []object, more bool) hook.Event {
	return hook.Event{Fill: func(ctx context.Context, tx pgx.Tx) (string, int, error) {
		keys := make([]string, len(list))
		for i, o := range list {
			keys[i] = o.Key
		}
		to := ""
		if more {
			to = keys[len(keys)-1]
		}
		if err := forget(ctx, tx, p.watcher.Function, p.bucket, p.prefix, p.after, to, keys); err != nil {
			return "", 0, err
		}
		n, err := record(ctx, tx, p.watcher, missed)
		r.found.Add(uint64(n))
		return "", n, err
	}}
}

// begin makes the list of what is to be listed in this pass.
func (r *Reconciler) begin(ctx context.Context) error {
	watchers := r.Watchers()
	var functions []string
	var todo []place
	for _, w := range watchers {
		if len(w.Places) == 0 {
			continue
		}
		functions = append(functions, w.Function)
		c, err := hook.Begin(ctx, r.DB, ReconcilerName, w.Function, time.Now().UTC().Format(time.RFC3339))
		if err != nil {
			return err
		}
		since, err := time.Parse(time.RFC3339, c.Position)
		if err != nil {
			return fmt.Errorf("reconcile: the checkpoint of %s is no time: %w", w.Function, err)
		}
		if c.Paused {
			continue
		}
		for _, p := range w.Places {
			todo = append(todo, place{watcher: w, since: since.Add(-slack), bucket: p.Bucket, prefix: p.Prefix})
		}
	}
	if err := hook.Forget(ctx, r.DB, ReconcilerName, functions); err != nil {
		return err
	}
	if _, err := r.DB.Exec(ctx, `delete from connector.object where not function = any(coalesce($1::text[], '{}'))`, functions); err != nil {
		return fmt.Errorf("reconcile: forget objects: %w", err)
	}
	every := r.Every
	if every <= 0 {
		every = DefaultEvery
	}
	r.todo, r.next = todo, time.Now().Add(every)
	return nil
}
