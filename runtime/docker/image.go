package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"fnstore/kit/fault"
	"fnstore/runtime/provider"
)

// maxPull bounds a download.
const maxPull = 15 * time.Minute

// Fetch has the engine pull the image. What it gives is the reference by
// digest, by which the engine keeps the image whatever happens to the tag.
// Errors are faults: image_missing, image_unfit, registry_unreachable.
func (b *Backend) Fetch(ctx context.Context, ref string) (provider.Image, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return provider.Image{}, fault.New(fault.Invalid, "image_unfit", "%s", err)
	}
	if d, ok := r.(name.Digest); ok {
		pinned := pinned(r, d.DigestStr())
		if _, err := b.inspect(ctx, pinned); err == nil {
			return provider.Image{Digest: d.DigestStr(), Of: pinned}, nil
		}
	}
	if err := b.pull(ctx, r); err != nil {
		return provider.Image{}, err
	}
	img, err := b.inspect(ctx, plain(r))
	if err != nil {
		return provider.Image{}, err
	}
	for _, known := range img.RepoDigests {
		if repo, digest, ok := strings.Cut(known, "@"); ok && repo == repository(r) {
			return provider.Image{Digest: digest, Of: known}, nil
		}
	}
	return provider.Image{}, fault.New(fault.Unprocessable, "image_unfit", "the engine knows no digest of %s", ref)
}

// repository is the image's name as the engine writes it: Docker Hub's without
// a host.
func repository(r name.Reference) string {
	repo := r.Context().RepositoryStr()
	if r.Context().RegistryStr() != name.DefaultRegistry {
		return r.Context().Name()
	}
	return strings.TrimPrefix(repo, "library/")
}

func pinned(r name.Reference, digest string) string { return repository(r) + "@" + digest }

func plain(r name.Reference) string {
	if d, ok := r.(name.Digest); ok {
		return pinned(r, d.DigestStr())
	}
	return repository(r) + ":" + r.Identifier()
}

type inspected struct {
	ID          string
	RepoDigests []string
	Config      struct{ Env []string }
}

func (b *Backend) inspect(ctx context.Context, ref string) (img inspected, err error) {
	return img, b.engine.get(ctx, "/images/"+ref+"/json", &img)
}

// pull downloads what the engine does not have yet. It answers 200 at once and
// says in its last line whether it went well.
func (b *Backend) pull(ctx context.Context, r name.Reference) error {
	ctx, cancel := context.WithTimeout(ctx, maxPull)
	defer cancel()
	q := url.Values{"fromImage": {repository(r)}, "tag": {r.Identifier()}}
	res, err := b.engine.send(ctx, http.MethodPost, "/images/create?"+q.Encode(), nil)
	if err != nil {
		return missing(r, err)
	}
	defer res.Body.Close()
	for lines := json.NewDecoder(res.Body); ; {
		var line struct{ Error string }
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fault.New(fault.Unavailable, "registry_unreachable", "the download of %s broke off", r).Because(err)
		}
		if line.Error != "" {
			return missing(r, errors.New(line.Error))
		}
	}
}

func missing(r name.Reference, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "no such host") || strings.Contains(err.Error(), "i/o timeout") {
		return fault.New(fault.Unavailable, "registry_unreachable", "the engine cannot reach the registry of %s", r).Because(err)
	}
	return fault.New(fault.Invalid, "image_missing", "the engine cannot pull %s: %s", r, err)
}
