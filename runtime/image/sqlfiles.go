package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// A function's SQL lies in its image's working directory, whoever built it.
const (
	grantsFile      = "grants.sql"
	migrationFolder = "migrations"
)

// Bounds of a function's SQL.
const (
	maxSQLFiles = 1000
	maxSQLBytes = 1 << 20 // of one file
)

var migrationName = regexp.MustCompile(`^[0-9]+_[A-Za-z0-9_.-]+\.sql$`)

// sqlFile gives the name that a file of the image has among the function's SQL,
// or "" when it is none of it.
func sqlFile(workdir, name string) string {
	rel, ok := strings.CutPrefix(name, path.Join("/", workdir)+"/")
	if !ok {
		return ""
	}
	folder, base := path.Split(rel)
	if rel == grantsFile || folder == migrationFolder+"/" && migrationName.MatchString(base) {
		return rel
	}
	return ""
}

// SQL gives a function's migrations (migrations/NUMBER_name.sql) and grants.sql
// as they are in the working directory of its image; the folder is empty when
// the image has none. They are kept under dir by the image's digest, so that
// what was read once needs no registry again. The ref must name a digest.
func SQL(ctx context.Context, ref, dir string) (fs.FS, error) {
	r, err := name.NewDigest(ref)
	if err != nil {
		return nil, clientError(ref, invalidImage{err})
	}
	hash, err := v1.NewHash(r.DigestStr())
	if err != nil {
		return nil, clientError(ref, invalidImage{err})
	}
	place := filepath.Join(dir, hash.Hex)
	if exists(place) {
		return os.DirFS(place), nil
	}
	img, err := remote.Image(r, options(remote.WithContext(ctx), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))...)
	if err != nil {
		return nil, clientError(ref, err)
	}
	err = keepSQL(dir, place, func(to string) error {
		if err := extractSQL(img, to); err != nil {
			return invalidImage{err}
		}
		return nil
	})
	if err != nil {
		return nil, clientError(ref, err)
	}
	return os.DirFS(place), nil
}

// InstallSQL keeps the SQL of a handler's folder under a digest that Install gave.
func InstallSQL(handler, dir, digest string) error {
	place := filepath.Join(dir, strings.TrimPrefix(digest, "sha256:"))
	if err := os.RemoveAll(place); err != nil { // the same program may come with other SQL
		return fmt.Errorf("place the function's SQL: %w", err)
	}
	err := keepSQL(dir, place, func(to string) error {
		for _, name := range []string{grantsFile, migrationFolder} {
			from := filepath.Join(handler, name)
			info, err := os.Stat(from)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				continue
			case err != nil:
				return err
			case info.IsDir():
				err = os.CopyFS(filepath.Join(to, name), os.DirFS(from))
			default:
				var b []byte
				if b, err = os.ReadFile(from); err == nil {
					err = os.WriteFile(filepath.Join(to, name), b, 0o600)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("place the function's SQL: %w", err)
	}
	return nil
}

// keepSQL makes place appear whole or not at all.
func keepSQL(dir, place string, fill func(to string) error) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // gone already when all went well
	if err := fill(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, place); err != nil && !exists(place) {
		return err
	}
	return syncDir(dir)
}

// extractSQL writes the image's SQL into dir, reading each layer once.
func extractSQL(img v1.Image, dir string) error {
	file, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("read the image's configuration: %w", err)
	}
	tree, err := flatten(img)
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	wanted := map[int]map[string]string{} // by layer: the entry's name there, and here
	n := 0
	for full, e := range tree.entries {
		rel := sqlFile(file.Config.WorkingDir, full)
		if rel == "" || e.kind != tar.TypeReg {
			continue
		}
		if n++; n > maxSQLFiles || e.size > maxSQLBytes {
			return fmt.Errorf("its SQL is more than %d files of %d bytes", maxSQLFiles, maxSQLBytes)
		}
		if wanted[e.layer] == nil {
			wanted[e.layer] = map[string]string{}
		}
		wanted[e.layer][e.name] = rel
	}
	for i, names := range wanted {
		err := each(layers[i], func(h *tar.Header, r io.Reader) error {
			rel := names[h.Name]
			if rel == "" || h.Typeflag != tar.TypeReg {
				return nil
			}
			b, err := io.ReadAll(io.LimitReader(r, maxSQLBytes))
			if err != nil {
				return err
			}
			to := filepath.Join(dir, rel) // one of two folders, and a name without slashes
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				return err
			}
			return os.WriteFile(to, b, 0o600)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
