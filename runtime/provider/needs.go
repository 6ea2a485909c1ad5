package provider

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/openfaas/faas-provider/types"
)

// Needs makes what functions need outside of themselves, secrets among it.
type Needs interface {
	// Provide is called before a version starts; image names its image by
	// digest. An error refuses the deployment. What the version before has stays.
	Provide(ctx context.Context, d types.FunctionDeployment, image string) error
	// Trim is called when that version is deployed, and withdraws what the one
	// before had and this one does not need.
	Trim(ctx context.Context, function string) error
	// Withdraw is called when a function was removed and none of its replicas is
	// left.
	Withdraw(ctx context.Context, function string) error
}

// provide makes what a version needs and then looks whether its secrets are
// there, and lead where the backend's functions can go. The caller holds p.needs, so that no removal comes in between.
func (p *Provider) provide(ctx context.Context, d types.FunctionDeployment, img Image) error {
	if p.cfg.Needs != nil {
		if err := p.cfg.Needs.Provide(ctx, d, record{Deployment: d, Digest: img.Digest}.pinned()); err != nil {
			p.restore(ctx, d.Service)
			return err
		}
	}
	err := p.cfg.Secrets.Check(d.Secrets)
	if err == nil {
		err = p.backend.Check(d) // which reads what was just made
	}
	if err != nil {
		p.restore(ctx, d.Service)
	}
	return err
}

// restore gives a function back what its current version needs, after another
// version was refused. The caller holds p.needs.
func (p *Provider) restore(ctx context.Context, name string) {
	if p.cfg.Needs == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	var err error
	if f := (*p.functions.Load())[name]; f != nil {
		rec := f.recorded()
		if err = p.cfg.Needs.Provide(ctx, rec.Deployment, rec.pinned()); err == nil {
			err = p.cfg.Needs.Trim(ctx, name)
		}
	} else {
		err = p.cfg.Needs.Withdraw(ctx, name)
	}
	if err != nil {
		slog.Warn("what a function needs could not be set back", "function", name, "cause", err)
	}
}

// trim withdraws what the version before had. The caller holds p.needs.
func (p *Provider) trim(ctx context.Context, name string) {
	if p.cfg.Needs == nil {
		return
	}
	if err := p.cfg.Needs.Trim(context.WithoutCancel(ctx), name); err != nil {
		slog.Warn("what a version of a function had is withdrawn later", "function", name, "cause", err)
	}
}

// provideAgain makes what a function that was deployed before needs. It starts
// without, if need be: what it had is there still, in most cases.
func (p *Provider) provideAgain(ctx context.Context, f *function, rec record) {
	if p.cfg.Needs == nil {
		return
	}
	if err := p.cfg.Needs.Provide(ctx, rec.Deployment, rec.pinned()); err != nil {
		f.writeLine(rec.Deployment.Service, "started without what it needs: "+err.Error())
		slog.Warn("a function starts without what it needs", "function", rec.Deployment.Service, "cause", err)
		return
	}
	p.trim(ctx, rec.Deployment.Service)
}

// withdraw takes away what a removed function had, unless it is there again.
func (p *Provider) withdraw(ctx context.Context, name string) error {
	if p.cfg.Needs == nil {
		return nil
	}
	p.needs.Lock()
	defer p.needs.Unlock()
	if (*p.functions.Load())[name] != nil {
		return nil
	}
	if err := p.cfg.Needs.Withdraw(context.WithoutCancel(ctx), name); err != nil {
		return fmt.Errorf("%s is removed, and what it had is withdrawn later: %w", name, err)
	}
	return nil
}
