package main

import (
	"context"
	"fmt"

	"fnstore/runtime/logs"
	"fnstore/runtime/provider"
)

// startFunctions opens the gateway, deploys the stack file's functions and
// starts delivery once they are there.
func (st *store) startFunctions(ctx context.Context) error {
	written, err := logs.Open(st.set.path("logs"))
	if err != nil {
		return err
	}
	backend, err := st.openBackend(ctx, written)
	if err != nil {
		return err
	}
	needs := st.newNeeds()
	st.functions, err = provider.Open(ctx, provider.Config{
		Dir: st.set.path("functions"), RunDir: st.set.path("run"), Secrets: st.vault, Logs: written, Needs: needs,
	}, backend)
	if err != nil {
		return err
	}
	st.onStop(func(context.Context) { st.functions.Close() })
	if err := st.follow(ctx, needs); err != nil {
		return err
	}
	if err := st.startGateway(written); err != nil {
		return err
	}
	for _, fn := range st.file.Functions {
		d, err := fn.Deployment(st.file.Dir)
		if err != nil {
			return fmt.Errorf("deploy %s: %w", fn.Name, err)
		}
		if err := st.functions.Deploy(ctx, d); err != nil {
			return fmt.Errorf("deploy %s: %w", fn.Name, err)
		}
	}
	st.watching()
	if err := st.awaitFunctions(ctx); err != nil {
		return err
	}
	return st.startDelivery(ctx)
}

// awaitFunctions returns when every function of the stack file can serve.
func (st *store) awaitFunctions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, provider.StartTimeout)
	defer cancel()
	for _, fn := range st.file.Functions {
		_, release, err := st.functions.Acquire(ctx, fn.Name)
		if err != nil {
			return fmt.Errorf("%s does not start; see fnstore logs %s: %w", fn.Name, fn.Name, err)
		}
		release()
	}
	return nil
}
