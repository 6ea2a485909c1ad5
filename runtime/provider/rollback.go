package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
)

// maxPreviousVersions is how many deployments before the current one are kept.
const maxPreviousVersions = 5

// version is a deployment that was.
type version struct {
	Deployment types.FunctionDeployment `json:"deployment"`
	Digest     string                   `json:"digest"`
	CreatedAt  time.Time                `json:"created_at"`
}

// Version names a deployment of a function's past or present.
type Version struct {
	Image     string // as it was deployed
	Digest    string // of the image
	CreatedAt time.Time
	Current   bool
}

// DevAnnotation marks a deployment as a save of fnstore dev: something that is
// being tried and that no rollback shall bring back.
const DevAnnotation = "fnstore.dev"

func isDev(d types.FunctionDeployment) bool {
	return d.Annotations != nil && (*d.Annotations)[DevAnnotation] == "true"
}

// previousVersions are those that next has when it takes r's place: r first unless it
// is a save of fnstore dev, and nothing twice.
func (r record) previousVersions(next record) []version {
	var past []version
	if !isDev(r.Deployment) {
		past = append(past, version{r.Deployment, r.Digest, r.CreatedAt})
	}
	for _, v := range r.Previous {
		if len(past) < maxPreviousVersions && !v.same(next.Deployment, next.Digest) {
			past = append(past, v)
		}
	}
	return past
}

func (v version) same(d types.FunctionDeployment, digest string) bool {
	was, _ := json.Marshal(v.Deployment) // strings, maps and slices of them: cannot fail
	is, _ := json.Marshal(d)
	return v.Digest == digest && bytes.Equal(was, is)
}

// Versions lists what the function is and was, newest first.
func (p *Provider) Versions(_ context.Context, name string) ([]Version, error) {
	f, err := p.find(name)
	if err != nil {
		return nil, err
	}
	rec := f.recorded()
	list := []Version{{rec.Deployment.Image, rec.Digest, rec.CreatedAt, true}}
	for _, v := range rec.Previous {
		list = append(list, Version{v.Deployment.Image, v.Digest, v.CreatedAt, false})
	}
	return list, nil
}

// Rollback deploys a former version again, its settings included: the newest
// whose image's digest begins with digest, or the one before the current when
// digest is empty. What it replaces is kept too, so a second Rollback
// undoes the first; a save of fnstore dev is not. fault.NotFound says that there is no such version.
func (p *Provider) Rollback(ctx context.Context, name, digest string) error {
	f, err := p.find(name)
	if err != nil {
		return err
	}
	rec := f.recorded()
	v, ok := rec.former(digest)
	if !ok {
		if digest == "" {
			return fault.New(fault.NotFound, "no_version", "%q has no version before this one", name)
		}
		return fault.New(fault.NotFound, "no_version", "%q has no version of digest %s", name, digest)
	}
	s, _, err := scalingOf(v.Deployment)
	if err != nil {
		return err
	}
	if err := checkNames(v.Deployment); err != nil {
		return err
	}
	img, err := p.backend.Fetch(ctx, record{Deployment: v.Deployment, Digest: v.Digest}.pinned())
	if err != nil {
		return err
	}
	p.needs.Lock()
	defer p.needs.Unlock()
	if err := p.provide(ctx, v.Deployment, img); err != nil { // a secret may be gone since
		return err
	}
	p.mu.Lock()
	if (*p.functions.Load())[name] != f {
		err = notFound(name) // it was deleted meanwhile
	} else {
		err = p.deployLocked(v.Deployment, img, s)
	}
	p.mu.Unlock()
	if err != nil {
		p.restore(ctx, name)
		return err
	}
	p.trim(ctx, name)
	return nil
}

func (r record) former(digest string) (version, bool) {
	bare := strings.TrimPrefix(digest, "sha256:")
	for _, v := range r.Previous {
		if strings.HasPrefix(strings.TrimPrefix(v.Digest, "sha256:"), bare) {
			return v, true
		}
	}
	return version{}, false
}
