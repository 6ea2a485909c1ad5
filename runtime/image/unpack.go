package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Unpacked is the program of an image, ready to run on this machine.
type Unpacked struct {
	Binary string   // path of the program
	Env    []string // what the image sets, as KEY=value; paths that exist only in it left out
	User   string   // whom the image runs as, for instance 65532:65532
	Digest string   // sha256:… that the reference stood for
}

// Unpack takes the one static program out of the image that ref names by tag
// or digest, in whatever registry, and puts it under dir/<digest's hex digits>.
// When it is there already, a digest needs no request and a tag one. Errors are
// faults whose codes a client may rely on: image_missing, image_unfit,
// image_needs_docker (which is ErrNeedsDocker: it is more than one program),
// registry_unreachable, registry_refused.
func Unpack(ctx context.Context, ref, dir string) (Unpacked, error) {
	u, err := unpack(ctx, ref, dir)
	if err != nil {
		return Unpacked{}, excuse(ref, err)
	}
	return u, nil
}

func unpack(ctx context.Context, ref, dir string) (Unpacked, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return Unpacked{}, unfit{err}
	}
	opts := options(remote.WithContext(ctx), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	digest, isDigest := r.(name.Digest)
	if !isDigest {
		d, err := remote.Head(r, opts...)
		if err != nil {
			return Unpacked{}, err
		}
		digest = r.Context().Digest(d.Digest.String())
	}
	hash, err := v1.NewHash(digest.DigestStr())
	if err != nil {
		return Unpacked{}, unfit{err}
	}
	place := filepath.Join(dir, hash.Hex)
	if u, ok := wanted(dir, place, hash); ok {
		return u, nil
	}
	img, err := remote.Image(digest, opts...)
	if err != nil {
		return Unpacked{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Unpacked{}, err
	}
	tmp, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return Unpacked{}, err
	}
	// A function runs under a user of its own, who has to get in.
	if err := os.Chmod(tmp, 0o755); err != nil {
		return Unpacked{}, err
	}
	defer os.RemoveAll(tmp) // gone already when all went well
	if err := extract(img, tmp); err != nil {
		return Unpacked{}, unfit{err}
	}
	// Functions may run as another user than the one who unpacks.
	if err := os.Chmod(tmp, 0o755); err != nil {
		return Unpacked{}, err
	}
	// The folder appears whole or not at all; one that is there and was not
	// accepted above is broken, and another process may have been quicker.
	if err := os.Rename(tmp, place); err != nil {
		if u, ok := kept(place, hash); ok {
			return u, nil
		}
		if err := errors.Join(os.RemoveAll(place), os.Rename(tmp, place)); err != nil {
			return Unpacked{}, err
		}
	}
	if err := syncDir(dir); err != nil {
		return Unpacked{}, err
	}
	u, ok := kept(place, hash)
	if !ok {
		return Unpacked{}, fmt.Errorf("%s vanished", place)
	}
	return u, nil
}

// extract writes the image's program and what is known of it into dir.
func extract(img v1.Image, dir string) error {
	file, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("read the image's configuration: %w", err)
	}
	config := file.Config
	argv := slices.Concat(config.Entrypoint, config.Cmd)
	if len(argv) != 1 {
		return fmt.Errorf("its command is %q and not one program without arguments: %w", argv, ErrNeedsDocker)
	}
	tree, err := flatten(img)
	if err != nil {
		return err
	}
	program := argv[0]
	if !path.IsAbs(program) {
		program = path.Join("/", config.WorkingDir, program)
	}
	at, err := tree.resolve(program)
	if err != nil {
		return fmt.Errorf("its program: %w", err)
	}
	others := slices.DeleteFunc(tree.others(at), func(name string) bool { return sqlFile(config.WorkingDir, name) != "" })
	if len(others) > 0 {
		return fmt.Errorf("it holds more than one program, for instance %s: %w", strings.Join(others[:min(3, len(others))], ", "), ErrNeedsDocker)
	}
	to := filepath.Join(dir, programFile)
	if err := tree.write(img, at, to, maxProgram, 0o755); err != nil {
		return err
	}
	size, err := checkProgram(to, runtime.GOARCH)
	if err != nil {
		return fmt.Errorf("its program %s: %w", program, err)
	}
	m := meta{Env: []string{}, User: config.User, Size: size}
	for _, kv := range config.Env {
		if zone, ok := strings.CutPrefix(kv, "ZONEINFO="); ok {
			if from, err := tree.resolve(zone); err == nil {
				if err := tree.write(img, from, filepath.Join(dir, zoneinfoFile), 16<<20, 0o644); err != nil {
					return err
				}
			}
			continue
		}
		m.Env = append(m.Env, kv)
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, metaFile), data, 0o644)
}

// write copies one file of the image out.
func (t *tree) write(img v1.Image, name, to string, limit int64, mode os.FileMode) error {
	e := t.entries[name]
	if e.size > limit {
		return fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = t.open(img, e, func(r io.Reader) error {
		n, err := io.Copy(out, io.LimitReader(r, limit+1))
		if err == nil && n != e.size {
			err = fmt.Errorf("%s has %d bytes and not %d", name, n, e.size)
		}
		return err
	})
	return errors.Join(err, out.Chmod(mode), out.Sync(), out.Close())
}
