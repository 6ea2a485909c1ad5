package image

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"fnstore/runtime/stackfile"
)

// Platforms reads a comma list such as linux/amd64,linux/arm/v7. Each comes
// once, in the order of the list; an empty list gives none.
func Platforms(list string) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		p, err := platform(s)
		if err != nil {
			return nil, err
		}
		if !seen[p.String()] {
			names = append(names, p.String())
		}
		seen[p.String()] = true
	}
	return names, nil
}

// BuildIndex is Build for several platforms: one image of each, and one tag for
// all, from which every machine takes its own. The tag is written last, so it
// never names less than all of them. Digest is the index's, BinarySize that of
// all programs.
func (b *Builder) BuildIndex(ctx context.Context, stack *stackfile.File, fn *stackfile.Function, platforms []string, progress func(stage string)) (Result, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	all := Result{Cached: true}
	for _, p := range platforms {
		one := *b
		one.Platform, one.untagged = p, true
		r, err := one.Build(ctx, stack, fn, progress)
		if err != nil {
			return all, fmt.Errorf("%s: %w", p, err)
		}
		digest, err := name.NewDigest(r.Pinned())
		if err != nil {
			return all, err
		}
		img, err := remote.Image(digest, options(remote.WithContext(ctx))...)
		if err != nil {
			return all, fmt.Errorf("%s: %w", p, err)
		}
		is, err := platform(p)
		if err != nil {
			return all, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &is}})
		all.Ref, all.Notes = r.Ref, r.Notes
		all.Cached = all.Cached && r.Cached
		all.BinarySize += r.BinarySize
	}
	digest, err := index.Digest()
	if err != nil {
		return all, err
	}
	all.Digest = digest.String()
	tag, err := name.NewTag(all.Ref)
	if err != nil {
		return all, err
	}
	if err := remote.WriteIndex(tag, index, options(remote.WithContext(ctx))...); err != nil {
		return all, fmt.Errorf("push %s: %w", all.Ref, err)
	}
	return all, nil
}
