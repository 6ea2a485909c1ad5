package main

import (
	"context"
	"strconv"

	"fnstore/kit/caller"
	"fnstore/runtime/delivery"
)

// concurrency is how many deliveries of a function run at once when its
// annotation fnstore.concurrency says nothing.
const concurrency = 10

func (st *store) startDelivery(ctx context.Context) error {
	d, err := delivery.Open(ctx, delivery.Config{
		Postgres: st.pg.URL(),
		Gateway:  st.internalURL,
		EventKey: func() (string, error) { b, err := st.vault.Read(caller.Secret); return string(b), err },
		Functions: func(ctx context.Context) ([]delivery.Function, error) {
			list, err := st.functions.List(ctx)
			if err != nil {
				return nil, err
			}
			functions := make([]delivery.Function, len(list))
			for i, f := range list {
				functions[i] = delivery.Function{Name: f.Name, Concurrency: concurrency}
				if f.Annotations == nil {
					continue
				}
				if n, err := strconv.Atoi((*f.Annotations)["fnstore.concurrency"]); err == nil && n > 0 {
					functions[i].Concurrency = n
				}
			}
			return functions, nil
		},
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { d.Run(running); close(done) }()
	st.onStop(func(context.Context) { stop(); <-done })
	st.changes.tell(d.Wake) // messages may wait for a function that was not there
	return nil
}
