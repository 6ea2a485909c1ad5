package main

import (
	"context"
	"log/slog"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/caller"
	"fnstore/kit/queue"
	"fnstore/runtime/callback"
	"fnstore/runtime/delivery"
)

func (st *store) startDelivery(ctx context.Context) error {
	st.callbacks.waiting = callback.NewWaiting(st.pool, st.callbacks.notify)
	d, err := delivery.Open(ctx, delivery.Config{
		Postgres: st.pg.URL(),
		Gateway:  st.internalURL,
		EventKey: func() (string, error) { b, err := st.vault.Read(caller.Secret); return string(b), err },
		Functions: func(ctx context.Context) ([]delivery.Function, error) {
			list, err := st.functions.List(ctx)
			if err != nil {
				return nil, err
			}
			return st.callbacks.functions(ctx, deliveryFunctions(list)), nil
		},
		Ended:    st.callbacks.ended,
		Bodies:   st.bodies,
		Deployed: st.deployed,
		LastExit: st.functions.LastExit,
		Record:   st.spans.Record,
	})
	if err != nil {
		return err
	}
	st.delivery.Store(d)
	running, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { d.Run(running); close(done) }()
	st.onStop(func(context.Context) { stop(); <-done })
	st.changes.subscribe(d.Wake) // messages may wait for a function that was not there
	return nil
}

// deployed gives the image and digest of what a function is now.
func (st *store) deployed(function string) (version, digest string) {
	versions, err := st.functions.Versions(context.Background(), function)
	if err != nil || len(versions) == 0 {
		return "", ""
	}
	return versions[0].Image, versions[0].Digest
}

// startSender gives what puts calls into the queue for the gateway. Workers are
// told when a call is committed.
func (st *store) startSender() func(context.Context, queue.New) (queue.Accepted, error) {
	sender := queue.NewSender(st.pool, st.bodies, queue.Limits{Messages: st.set.QueueMessages, Bytes: st.set.QueueBytes})
	return func(ctx context.Context, n queue.New) (queue.Accepted, error) {
		a, err := sender.Send(ctx, n)
		if d := st.delivery.Load(); err == nil && d != nil { // else it will find the message when it starts
			d.Announce()
		}
		return a, err
	}
}

// publisher gives what publishes functions' answers for the gateway. The connector
// of topics is no worker, so it is told apart from them.
func (st *store) publisher(enqueue func(context.Context, queue.New) (queue.Accepted, error)) func(context.Context, queue.New) error {
	return func(ctx context.Context, n queue.New) error {
		if _, err := enqueue(ctx, n); err != nil {
			return err
		}
		if err := queue.Notify(ctx, st.pool); err != nil {
			slog.DebugContext(ctx, "notify the queue", "cause", err) // it is found all the same, later
		}
		return nil
	}
}

// deliveryFunctions are functions as delivery sees them.
func deliveryFunctions(list []types.FunctionStatus) []delivery.Function {
	functions := make([]delivery.Function, len(list))
	for i, f := range list {
		var annotations map[string]string
		if f.Annotations != nil {
			annotations = *f.Annotations
		}
		functions[i] = delivery.Describe(f.Name, annotations, f.EnvVars)
	}
	return functions
}
