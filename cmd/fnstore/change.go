package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/gateway"
	"fnstore/runtime/provider"
)

// changes tells those who have to know that functions were deployed, removed or
// rolled back. The zero value is ready.
type changes struct {
	mu   sync.Mutex
	hear []func()
}

// tell adds f, which must not wait.
func (c *changes) tell(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hear = append(c.hear, f)
}

func (c *changes) happened() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.hear {
		f()
	}
}

// changing is a provider whose changes are told.
type changing struct {
	*provider.Provider
	changes *changes
}

func (p changing) Deploy(ctx context.Context, d types.FunctionDeployment) error {
	return p.told(p.Provider.Deploy(ctx, d))
}

func (p changing) Delete(ctx context.Context, name string) error {
	return p.told(p.Provider.Delete(ctx, name))
}

func (p changing) told(err error) error {
	if err == nil {
		p.changes.happened()
	}
	return err
}

// telling has routes tell of what they change.
func (c *changes) telling(routes []gateway.Route) []gateway.Route {
	for i, r := range routes {
		routes[i].Serve = func(w http.ResponseWriter, req *http.Request) error {
			err := r.Serve(w, req)
			if err == nil && req.Method != http.MethodGet {
				c.happened()
			}
			return err
		}
	}
	return routes
}
