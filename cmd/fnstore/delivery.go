package main

import (
	"context"

	"fnstore/kit/caller"
	"fnstore/runtime/delivery"
)

func (st *store) startDelivery(ctx context.Context) error {
	d, err := delivery.Open(ctx, delivery.Config{
		Postgres: st.pg.URL(),
		Gateway:  "http://" + st.gatewayAddr,
		EventKey: func() (string, error) { b, err := st.vault.Read(caller.Secret); return string(b), err },
		Functions: func(ctx context.Context) ([]delivery.Function, error) {
			list, err := st.functions.List(ctx)
			if err != nil {
				return nil, err
			}
			functions := make([]delivery.Function, len(list))
			for i, f := range list {
				var annotations map[string]string
				if f.Annotations != nil {
					annotations = *f.Annotations
				}
				functions[i] = delivery.Describe(f.Name, annotations, f.EnvVars)
			}
			return functions, nil
		},
		Deployed: st.deployed,
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

// deployed gives the image and digest of what a function is now.
func (st *store) deployed(function string) (version, digest string) {
	versions, err := st.functions.Versions(context.Background(), function)
	if err != nil || len(versions) == 0 {
		return "", ""
	}
	return versions[0].Image, versions[0].Digest
}
