package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
)

// name is what faas-cli, the CE provider and Kubernetes accept (RFC 1123 label).
var name = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Deploy adds a function, or replaces the one of that name. It returns when
// the deployment is written down and its replicas are being started.
func (p *Provider) Deploy(ctx context.Context, d types.FunctionDeployment) error {
	if err := Validate(d); err != nil {
		return err
	}
	s, _, err := scalingOf(d)
	if err != nil {
		return err
	}
	img, err := p.backend.Fetch(ctx, d.Image)
	if err != nil {
		return err
	}
	p.needs.Lock()
	defer p.needs.Unlock()
	if err := p.provide(ctx, d, img); err != nil {
		return err
	}
	p.mu.Lock()
	err = p.deployLocked(d, img, s)
	p.mu.Unlock()
	if err != nil {
		p.restore(ctx, d.Service)
		return err
	}
	p.trim(ctx, d.Service)
	return nil
}

func (p *Provider) deployLocked(d types.FunctionDeployment, img Image, s scaling) (err error) {
	if p.closed {
		return fault.New(fault.Unavailable, "stopping", "the store is stopping")
	}
	f := (*p.functions.Load())[d.Service]
	if f != nil && f.runs(d, img) {
		return nil
	}
	rec := record{Deployment: d, Digest: img.Digest, Replicas: s.min, CreatedAt: time.Now().UTC()}
	if f != nil {
		old := f.recorded()
		rec.UID, rec.Previous = old.UID, old.previousVersions(rec)
		// Who deploys wants to see it run, so a function at zero wakes.
		rec.Replicas = max(s.min, min(int(f.replicas.Load()), s.max))
	} else if p.backend.Users() {
		if rec.UID, err = freeUID(p.records()); err != nil {
			return err
		}
	}
	if err := rec.save(p.cfg.Dir); err != nil {
		return err
	}
	if f == nil {
		f = newFunction(p, rec)
		p.put(d.Service, f)
	}
	f.roll(rec, img)
	return nil
}

// Validate refuses, with a fault.Invalid, a deployment that no backend takes:
// names, environment, limits, scaling and readiness are looked at.
func Validate(d types.FunctionDeployment) error {
	if err := checkNames(d); err != nil {
		return err
	}
	if _, _, err := scalingOf(d); err != nil {
		return err
	}
	if _, err := limitsOf(d); err != nil {
		return err
	}
	_, err := ReadinessOf(d.Annotations)
	return err
}

func checkNames(d types.FunctionDeployment) error {
	switch {
	case d.Service == "":
		return fault.New(fault.Invalid, "bad_deployment", "validation failed: service: is required")
	case d.Image == "":
		return fault.New(fault.Invalid, "bad_deployment", "validation failed: image: is required")
	case !name.MatchString(d.Service):
		return fault.New(fault.Invalid, "bad_deployment", "validation failed: service: (%s) is invalid, must be a valid DNS entry", d.Service)
	case d.Namespace != "" && d.Namespace != Namespace:
		return fault.New(fault.Invalid, "bad_namespace", "namespace must be: %s", Namespace)
	}
	for k, v := range d.EnvVars {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.Contains(v, "\x00") {
			return fault.New(fault.Invalid, "bad_deployment", "validation failed: envVars: %q cannot be an environment variable", k)
		}
	}
	return nil
}

// Delete stops the function and forgets it, its log included. It returns when
// no replica of it is left.
func (p *Provider) Delete(ctx context.Context, name string) error {
	p.mu.Lock()
	f := (*p.functions.Load())[name]
	if f == nil {
		p.mu.Unlock()
		return notFound(name)
	}
	if err := removeRecord(p.cfg.Dir, name); err != nil {
		p.mu.Unlock()
		return err
	}
	p.put(name, nil)
	p.mu.Unlock()

	f.close()
	if err := os.RemoveAll(filepath.Join(p.cfg.RunDir, name)); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	if err := p.withdraw(ctx, name); err != nil {
		return err
	}
	return p.cfg.Logs.Remove(name)
}
