package main

import (
	"context"

	"fnstore/kit/fault"
	"fnstore/runtime/image/retention"
)

// startRetention gives back, from now on and in the background, the disk of
// images that nobody can ask for any more.
func (st *store) startRetention() {
	keeper := retention.New(retention.Config{Registry: st.images, Unpacked: st.set.path("unpacked"), SQL: st.set.path("sql"), Keep: st.digestsInUse})
	running, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { keeper.Run(running); close(done) }()
	st.onStop(func(context.Context) { stop(); <-done })
	st.changes.subscribe(keeper.Changed)
}

// digestsInUse are the digests of all that is deployed and of what rollback offers.
func (st *store) digestsInUse(ctx context.Context) (digests []string, err error) {
	list, err := st.functions.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		versions, err := st.functions.Versions(ctx, f.Name)
		if fault.Of(err).Kind == fault.NotFound {
			continue // it was deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		for _, v := range versions {
			digests = append(digests, v.Digest)
		}
	}
	return digests, nil
}
