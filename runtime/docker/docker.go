// Package docker runs functions as containers of a Docker engine: it has the
// engine pull their images, creates a container before the call that
// starts it, and removes each one with everything in it. It does not know how
// many there shall be, nor what a call is.
//
// A container has a read-only root, a user without a name, no capability and no
// way to get one, bounds on memory, processors and tasks, and a network on
// which it reaches no other container. It is used once: what a function left in
// one never meets the next.
package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/runtime/logs"
	"fnstore/runtime/provider"
	"fnstore/runtime/secrets"
)

// Config is what a Backend needs.
type Config struct {
	// Host is where the engine listens, as DOCKER_HOST has it; empty for
	// unix:///var/run/docker.sock. It must be a socket of this machine.
	Host string
	// Store tells this store's containers from those of others: the folder it
	// keeps its state in.
	Store   string
	Secrets *secrets.Store
	Logs    *logs.Store
	// Services are what functions may reach on this machine's loopback, as
	// host:port. Where a secret is a URL of one of these, the function is given
	// one that leads there from its container.
	Services []string
	// Internal keeps functions from every other address: the network that they
	// are on has no way out.
	Internal bool
	// Publish has containers reached by a port on loopback even where their
	// own address would do.
	Publish bool
}

// Backend runs functions as containers. It is a provider.Backend, and safe for
// concurrent use.
type Backend struct {
	cfg     Config
	engine  *engine
	network *network
	publish bool
	id      string // of the store, in names and labels
	born    int64  // when this store was started: names are used once
	made    atomic.Int64

	ctx    context.Context // of what goes on after the call that began it
	cancel context.CancelFunc
	later  sync.WaitGroup
}

// Open finds the engine and removes what a killed store left in it.
func Open(ctx context.Context, cfg Config) (_ *Backend, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open docker backend: %w", err)
		}
	}()
	e, err := connect(ctx, cfg.Host)
	if err != nil {
		return nil, err
	}
	b := &Backend{cfg: cfg, engine: e, id: shortHash(cfg.Store), born: time.Now().Unix(), publish: cfg.Publish || e.info.apart()}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := b.sweep(ctx); err != nil {
		return nil, err
	}
	if b.network, err = openNetwork(ctx, e, "fnstore-"+b.id, b.id, cfg.Internal); err != nil {
		return nil, err
	}
	if !e.info.apart() {
		b.network.services = cfg.Services
	}
	for _, m := range e.info.missing() {
		slog.Warn("containers are less isolated with this engine", "missing", m)
	}
	slog.Info("functions run as containers", "engine", e.info.ServerVersion, "api", e.version, "network", b.network.Name, "published", b.publish)
	return b, nil
}

// sweep removes every container of this store.
func (b *Backend) sweep(ctx context.Context) error {
	left, err := b.engine.containers(ctx, labelStore+"="+b.id)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range left {
		errs = append(errs, b.engine.remove(ctx, c.ID))
	}
	if len(left) > 0 {
		slog.Info("containers that a killed store left are removed", "count", len(left))
	}
	return errors.Join(errs...)
}

// Check refuses what would fail in a container without a word: a secret that
// leads to this machine's loopback, which there is the container itself.
func (b *Backend) Check(d types.FunctionDeployment) error {
	for _, name := range d.Secrets {
		value, err := b.cfg.Secrets.Read(name)
		if err != nil && fault.Of(err).Kind == fault.NotFound {
			continue // Prepare says that it is missing
		}
		if err != nil {
			return err
		}
		if u, ok := loopback(value); ok && !b.network.serves(u.Host) {
			return unreachable("the secret "+name, u)
		}
	}
	for name, value := range d.EnvVars {
		if u, ok := loopback([]byte(value)); ok && !b.network.serves(u.Host) {
			return unreachable("the variable "+name, u)
		}
	}
	return nil
}

func unreachable(what string, u *url.URL) error {
	return fault.New(fault.Unprocessable, "service_unreachable",
		"%s leads to %s on this machine's loopback, which a container cannot reach here: run this function with --backend process, or give it an address that can be reached", what, u.Host)
}

// Users reports false: containers keep functions apart, and their user is the
// same for all.
func (b *Backend) Users() bool { return false }

// Prepare lays out the function's secrets and has a container made.
func (b *Backend) Prepare(s provider.Spec) (provider.Program, error) {
	p := &program{b: b, spec: s, image: s.Image.Of.(string)}
	err := p.Refresh()
	if _, missing := errors.AsType[*secrets.MissingError](err); err != nil && !missing {
		return nil, err
	}
	p.prewarm()
	return p, err
}

// Close removes what the backend has in the engine.
func (b *Backend) Close() {
	b.cancel()
	b.later.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(b.sweep(ctx), b.network.close(ctx)); err != nil {
		slog.Warn("the container engine keeps something of this store", "cause", err)
	}
	b.engine.http.CloseIdleConnections()
}
