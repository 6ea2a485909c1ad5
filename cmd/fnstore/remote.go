package main

import (
	"context"
	"sync"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/connectors/hook"
	"fnstore/runtime/delivery"
)

// remoteFunctions are the functions of another gateway, asked for at most every
// refreshInterval. When it does not answer, the last answer counts: a gateway
// that restarts takes nobody's subscription away.
type remoteFunctions struct {
	base, passwordFile string

	mu    sync.Mutex
	known []types.FunctionStatus
	asked time.Time
}

func (r *remoteFunctions) list(ctx context.Context) ([]types.FunctionStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.asked) < refreshInterval {
		return r.known, nil
	}
	list, err := ask(ctx, r.base, r.passwordFile)
	if err != nil {
		if r.known == nil {
			return nil, err
		}
		list = r.known
	}
	r.known, r.asked = list, time.Now()
	return list, nil
}

func (r *remoteFunctions) hook(ctx context.Context) ([]hook.Function, error) {
	list, err := r.list(ctx)
	return hookFunctions(list), err
}

func (r *remoteFunctions) delivery(ctx context.Context) ([]delivery.Function, error) {
	list, err := r.list(ctx)
	return deliveryFunctions(list), err
}
