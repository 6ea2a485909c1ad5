package main

import (
	"context"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/image"
	"fnstore/runtime/provision"
)

// needs makes what deployed functions need. It is a provider.Needs.
type needs struct{ set *provision.Set }

func (st *store) newNeeds() needs {
	sql := func(ctx context.Context, f provision.Function) (fs.FS, error) {
		return image.SQL(ctx, f.Image, st.set.path("sql"))
	}
	kinds := []provision.Kind{
		subscriptions{},
		&provision.Postgres{Owner: st.pg.URL(), SQL: sql},
		&provision.Redis{Owner: st.redis.URL()},
	}
	if st.set.S3URL == "" { // else buckets, keys and events are another store's
		kinds = append(kinds, st.keys, &watches{store: st.objects, watchers: &st.watchers})
	}
	return needs{provision.New(st.vault, kinds...)}
}

// Provide makes what a version needs before it starts.
func (n needs) Provide(ctx context.Context, d types.FunctionDeployment, pinned string) error {
	f := provision.Function{Name: d.Service, Secrets: d.Secrets, Image: pinned}
	if d.Annotations != nil {
		f.Annotations = *d.Annotations
	}
	return n.set.Provide(ctx, f)
}

// Trim takes away what the version before had and this one does not need.
func (n needs) Trim(ctx context.Context, function string) error { return n.set.Trim(ctx, function) }

// Withdraw takes away what a removed function had.
func (n needs) Withdraw(ctx context.Context, function string) error {
	return n.set.Withdraw(ctx, function)
}

// follow withdraws what functions had that were removed while the store was
// down, and from now on mends what failed.
func (st *store) follow(ctx context.Context, n needs) error {
	list, err := st.functions.List(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Name)
	}
	for _, fn := range st.file.Functions {
		names = append(names, fn.Name) // about to be deployed
	}
	if err := n.set.WithdrawExcept(ctx, names); err != nil {
		slog.Warn("what removed functions had could not be withdrawn; it is tried again", "cause", err)
	}
	running, stop := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() { n.set.Run(running, provision.DefaultInterval) })
	both.Go(func() { st.rotator.endEventKeys(running, provision.DefaultInterval, eventKeyOverlap) })
	st.onStop(func(context.Context) { stop(); both.Wait() })
	return nil
}
