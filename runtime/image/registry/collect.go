package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Collected says what Collect removed.
type Collected struct {
	Manifests, Blobs int
	Bytes            int64
	More             bool // MaxCollect was reached before the end
}

// Collect removes manifests that no tag, no index and no digest in keep (what
// is deployed, and what may be rolled back to) names, and then the blobs and
// uploads that nothing needs. What is younger than Grace stays: its manifest
// may be on the way. Requests that add something wait meanwhile, so it stops at
// MaxCollect files.
func (g *Registry) Collect(keep ...string) (c Collected, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer func() {
		if err != nil {
			err = fmt.Errorf("collect registry: %w", err)
		}
	}()
	repos, err := g.repositories()
	if err != nil {
		return c, err
	}
	needed := map[string]bool{} // digests
	for _, name := range repos {
		n, err := g.sweep(name, keep, needed, g.MaxCollect-c.Manifests)
		c.Manifests += n
		if err != nil {
			return c, err
		}
	}
	if c.More = c.Manifests >= g.MaxCollect; c.More {
		return c, nil // what those need is not known to be unneeded yet
	}
	blobs, err := names(filepath.Join(g.dir, "blobs"))
	if err != nil {
		return c, err
	}
	for _, hex := range blobs {
		if needed["sha256:"+hex] {
			continue
		}
		if c.More = c.Manifests+c.Blobs >= g.MaxCollect; c.More {
			return c, nil
		}
		n, err := g.removeOld(filepath.Join(g.dir, "blobs", hex))
		if err != nil {
			return c, err
		}
		if n >= 0 {
			c.Blobs++
			c.Bytes += n
		}
	}
	return c, g.removeUploads(&c)
}

// sweep removes a repository's manifests that nothing names, at most so many,
// and adds what the others need.
func (g *Registry) sweep(name string, keep []string, needed map[string]bool, most int) (removed int, err error) {
	tags, err := names(g.repo(name, "_tags"))
	if err != nil {
		return 0, err
	}
	var live []string
	for _, t := range tags {
		digest, err := os.ReadFile(g.repo(name, "_tags", t))
		if err != nil {
			return 0, err
		}
		live = append(live, string(digest))
	}
	links, err := names(g.repo(name, "_manifests"))
	if err != nil {
		return 0, err
	}
	for _, hex := range links {
		digest := "sha256:" + hex
		info, err := os.Stat(g.link(name, digest))
		if err != nil {
			return 0, err
		}
		if slices.Contains(keep, digest) || time.Since(info.ModTime()) < g.Grace {
			live = append(live, digest)
		}
	}
	reached := map[string]bool{} // manifests of this repository
	for len(live) > 0 {
		digest := live[0]
		live = live[1:]
		if reached[digest] {
			continue
		}
		reached[digest], needed[digest] = true, true
		body, err := os.ReadFile(g.blobPath(digest))
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody removed the file: nothing can be pulled by it
		}
		if err != nil {
			return 0, err
		}
		p, err := parse(body)
		if err != nil {
			return 0, err
		}
		for _, d := range p.blobs() {
			needed[d] = true
		}
		live = append(live, digests(p.Manifests)...)
	}
	for _, hex := range links {
		if digest := "sha256:" + hex; !reached[digest] && removed < most {
			if err := os.Remove(g.link(name, digest)); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}

// removeOld removes a file that is older than Grace and gives its size, or -1
// when it stays.
func (g *Registry) removeOld(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	} else if err != nil {
		return -1, err
	}
	if time.Since(info.ModTime()) < g.Grace {
		return -1, nil
	}
	return info.Size(), os.Remove(path)
}

func (g *Registry) removeUploads(c *Collected) error {
	ids, err := names(filepath.Join(g.dir, "uploads"))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, writing := g.busy.Load(id); writing {
			continue
		}
		n, err := g.removeOld(filepath.Join(g.dir, "uploads", id))
		if err != nil {
			return err
		}
		c.Bytes += max(n, 0)
	}
	return nil
}
