package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/gateway"
	"fnstore/runtime/provider"
)

// changes notifies its subscribers when functions are deployed, removed or
// rolled back. The zero value is ready.
type changes struct {
	mu          sync.Mutex
	subscribers []func()
}

// subscribe adds f, which must not wait.
func (c *changes) subscribe(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribers = append(c.subscribers, f)
}

func (c *changes) notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.subscribers {
		f()
	}
}

// notifyingProvider is a provider that notifies of its changes.
type notifyingProvider struct {
	*provider.Provider
	changes *changes
}

func (p notifyingProvider) Deploy(ctx context.Context, d types.FunctionDeployment) error {
	return p.notifyUnless(p.Provider.Deploy(ctx, d))
}

func (p notifyingProvider) Delete(ctx context.Context, name string) error {
	return p.notifyUnless(p.Provider.Delete(ctx, name))
}

func (p notifyingProvider) notifyUnless(err error) error {
	if err == nil {
		p.changes.notify()
	}
	return err
}

// withNotify makes routes notify of what they change.
func (c *changes) withNotify(routes []gateway.Route) []gateway.Route {
	for i, r := range routes {
		routes[i].Serve = func(w http.ResponseWriter, req *http.Request) error {
			err := r.Serve(w, req)
			if err == nil && req.Method != http.MethodGet {
				c.notify()
			}
			return err
		}
	}
	return routes
}
