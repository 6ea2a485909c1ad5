package image

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// buildRecord is what is known of a function's last build.
type buildRecord struct {
	Inputs     string `json:"inputs"`
	Digest     string `json:"digest"`
	BinarySize int64  `json:"binary_size"`
}

func saveRecord(path string, m buildRecord) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return writeFile(path, append(data, '\n'), 0o644)
}

// cachedBuild gives the last build's image when its inputs are the same and the
// registry has it. A tag that was moved in between is set back.
func (b *Builder) cachedBuild(ctx context.Context, path, key, ref string) (Result, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Result{}, false
	}
	var m buildRecord
	if json.Unmarshal(data, &m) != nil || m.Inputs != key {
		return Result{}, false
	}
	tag, err := name.NewTag(ref)
	if err != nil {
		return Result{}, false
	}
	opts := options(remote.WithContext(ctx))
	if b.untagged {
		_, err := remote.Head(tag.Context().Digest(m.Digest), opts...)
		return Result{Ref: ref, Digest: m.Digest, Cached: true, BinarySize: m.BinarySize}, err == nil
	}
	if d, err := remote.Head(tag, opts...); err != nil || d.Digest.String() != m.Digest {
		got, err := remote.Get(tag.Context().Digest(m.Digest), opts...)
		if err != nil || remote.Tag(tag, got, opts...) != nil {
			return Result{}, false
		}
	}
	return Result{Ref: ref, Digest: m.Digest, Cached: true, BinarySize: m.BinarySize}, true
}

// lock keeps a function's build context to one build at a time, here and in
// other processes: two stores may share a project. So it lies beside the
// context and not with what one store remembers.
func (b *Builder) lock(ctx context.Context, root, fn string) (unlock func(), err error) {
	for _, dir := range []string{b.Work, filepath.Join(root, "build")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(filepath.Join(root, "build", "."+fn+".lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	held := make(chan error, 1)
	go func() { held <- syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }()
	select {
	case err := <-held:
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock: %w", err)
		}
		return func() { f.Close() }, nil // closing unlocks
	case <-ctx.Done():
		go func() { <-held; f.Close() }()
		return nil, ctx.Err()
	}
}
