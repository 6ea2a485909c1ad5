package docker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"fnstore/runtime/provider"
)

// program is one version of a function, and the container of its next start:
// created, and not started, it holds no memory and no
// processor, and the engine has done what can be done before.
type program struct {
	b     *Backend
	spec  provider.Spec
	image string // by digest

	mu        sync.Mutex
	prewarmed string // a container's id
	closed    bool
	making    sync.WaitGroup
}

// prewarm has a container created for the next start, unless there is one.
func (p *program) prewarm() {
	p.making.Go(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closed || p.prewarmed != "" {
			return
		}
		id, err := p.create(p.b.ctx)
		if err != nil {
			slog.Debug("a container could not be created beforehand", "function", p.spec.Deployment.Service, "cause", err)
			return // it will be tried again when it is needed, and said then
		}
		p.prewarmed = id
	})
}

// takeContainer gives a container that has never run.
func (p *program) takeContainer(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id := p.prewarmed; id != "" {
		p.prewarmed = ""
		return id, nil
	}
	return p.create(ctx)
}

func (p *program) create(ctx context.Context) (string, error) {
	img, err := p.b.inspect(ctx, p.image)
	if absent(err) { // somebody cleared the engine's images away
		if _, err = p.b.Fetch(ctx, p.image); err == nil {
			img, err = p.b.inspect(ctx, p.image)
		}
	}
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("fnstore-%s-%s-%d-%d", p.spec.Deployment.Service, p.b.id, p.b.born, p.b.made.Add(1))
	return p.b.engine.create(ctx, name, p.b.form(p.spec, p.image, img.Config.Env))
}

// Supervisor makes a supervisor, which creates its container when it starts one.
func (p *program) Supervisor(id string) (provider.Supervisor, error) {
	return &supervisor{p: p, id: id, changed: make(chan struct{})}, nil
}

// Close removes the container that was not started.
func (p *program) Close() {
	p.mu.Lock()
	p.closed = true
	id := p.prewarmed
	p.prewarmed = ""
	p.mu.Unlock()
	p.making.Wait()
	if id != "" {
		p.b.discard(id)
	}
}
