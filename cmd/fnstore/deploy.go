package main

import (
	"context"
	"fmt"
	"time"

	"fnstore/kit/fault"
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
	st.rotator = rotator{st.vault, needs.set}
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
	if err := st.startDelivery(ctx); err != nil {
		return err
	}
	return st.startConnectors(ctx)
}

// awaitFunctions returns when every function of the stack file can serve.
func (st *store) awaitFunctions(ctx context.Context) error {
	limit := time.Duration(0)
	for _, fn := range st.file.Functions {
		how, _ := provider.ReadinessOf(&fn.Annotations) // Deploy has accepted it
		limit = max(limit, how.Limit())
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, fn := range st.file.Functions {
		if err := st.awaitFunction(ctx, fn.Name); err != nil {
			return fmt.Errorf("%s does not start; see fnstore logs %s: %w", fn.Name, fn.Name, err)
		}
	}
	return nil
}

// awaitFunction asks again where a function may take longer to start than a call
// waits for it. One that ends as soon as it is started is an error at once.
func (st *store) awaitFunction(ctx context.Context, name string) error {
	for {
		_, release, err := st.functions.Acquire(ctx, name)
		if err == nil {
			release()
			return nil
		}
		if f := fault.Of(err); f.Code != "function_not_ready" || f.Wait > 0 || ctx.Err() != nil {
			return err
		}
	}
}
