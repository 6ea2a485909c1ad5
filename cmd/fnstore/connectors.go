package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/openfaas/faas-provider/types"

	"fnstore/connectors/cron"
	"fnstore/connectors/hook"
	"fnstore/connectors/minio"
	"fnstore/connectors/postgres"
	"fnstore/connectors/topic"
	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/runtime/provision"
)

// connectors turns events into messages, in a store or beside another gateway.
type connectors struct {
	pool      *pgxpool.Pool
	functions hook.Functions
	changed   func() <-chan struct{} // a channel that says when functions change; nil where nobody says
	refresh   time.Duration          // how often they look by themselves; 0 means as each one does
	bodies    queue.Bodies
	metrics   *hook.Metrics

	// Of an S3 store that is not ours; nil without one.
	s3       *minio.Store
	s3Token  func() (string, error)
	s3Listen net.Listener
	every    time.Duration
}

// storeRefresh is how often connectors look which functions there are in a store,
// which tells them of each change.
const storeRefresh = 5 * time.Minute

// start runs every connector until the returned function is called.
func (c *connectors) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	run := func(src hook.Source) { all.Go(func() { hook.Run(ctx, c.pool, src, c.metrics) }) }
	change := func() <-chan struct{} {
		if c.changed == nil {
			return nil
		}
		return c.changed()
	}
	run(&cron.Source{DB: c.pool, Functions: c.functions, Refresh: c.refresh, Changed: change()})
	run(&postgres.Source{DB: c.pool, Functions: c.functions, Refresh: c.refresh, Changed: change()})
	run(&topic.Source{DB: c.pool, Functions: c.functions, Bodies: c.bodies})
	var intake *http.Server
	if c.s3 != nil {
		in := minio.NewIntake(c.s3, c.s3Token, c.watchers)
		run(in)
		run(&minio.Reconciler{DB: c.pool, Store: c.s3, Watchers: c.watchers, Every: c.every, Changed: change()})
		intake = server("intake", in)
		all.Go(func() { _ = intake.Serve(c.s3Listen) })
	}
	return func() {
		if intake != nil {
			_ = intake.Close()
		}
		cancel()
		all.Wait()
	}
}

// watchers are the functions that watch buckets of the S3 store.
func (c *connectors) watchers() []hook.Watcher {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	functions, err := c.functions(ctx)
	if err != nil {
		return nil // an event of theirs is found by the next listing
	}
	var list []hook.Watcher
	for _, f := range functions {
		if w, err := hook.WatcherOf(f); err == nil && len(w.Places) > 0 {
			list = append(list, w)
		}
	}
	return list
}

// hookFunctions are deployed functions as connectors see them.
func hookFunctions(list []types.FunctionStatus) []hook.Function {
	functions := make([]hook.Function, len(list))
	for i, f := range list {
		functions[i].Name = f.Name
		if f.Annotations != nil {
			functions[i].Annotations = *f.Annotations
		}
	}
	return functions
}

func (st *store) deployedFunctions(ctx context.Context) ([]hook.Function, error) {
	list, err := st.functions.List(ctx)
	return hookFunctions(list), err
}

// startConnectors begins to read what the functions ask for.
func (st *store) startConnectors(context.Context) error {
	c := &connectors{pool: st.pool, functions: st.deployedFunctions, refresh: storeRefresh, bodies: st.bodies, metrics: &st.eventMetrics, changed: func() <-chan struct{} {
		ch := make(chan struct{}, 1)
		st.changes.subscribe(func() {
			select {
			case ch <- struct{}{}:
			default:
			}
		})
		return ch
	}}
	if st.set.S3URL != "" {
		if err := c.openS3(st.set, st.vault); err != nil {
			return err
		}
	}
	stop := c.start()
	st.onStop(func(context.Context) { stop() })
	return nil
}

// subscriptions refuses annotations of connectors that cannot be read, so that
// whoever deploys hears of it. It is a provision.Kind without a secret.
type subscriptions struct{}

func (subscriptions) Suffix() string { return "" }

func (subscriptions) User(string) string { return "" }

// Wants is true: any function may ask for something.
func (subscriptions) Wants(provision.Function) bool { return true }

// Provide reads them.
func (subscriptions) Provide(_ context.Context, f provision.Function, _ string) (string, error) {
	of := hook.Function{Name: f.Name, Annotations: f.Annotations}
	_, err := cron.Entries(of)
	if err == nil {
		_, err = postgres.Watches(of)
	}
	if err == nil {
		_, err = topic.SubscriberOf(of)
	}
	if err == nil {
		_, err = hook.WatcherOf(of)
	}
	if err != nil {
		return "", fault.New(fault.Invalid, "bad_annotation", "%v", err)
	}
	return "", nil
}

// Withdraw has nothing to do: connectors follow what is deployed.
func (subscriptions) Withdraw(context.Context, string) error { return nil }
