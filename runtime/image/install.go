package image

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Install copies a program that was compiled on this machine, with the folder static
// beside its handler if there is one, to where Unpack, given the same
// dir, finds them under the digest that is returned: with no layers, no registry,
// and nobody to send them to. It is for a program whose next version is seconds
// away. The file at binary is gone afterwards.
func Install(binary, static, dir string) (digest string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("install %s: %w", binary, err)
		}
	}()
	size, err := checkProgram(binary, runtime.GOARCH)
	if err != nil {
		return "", err
	}
	files, err := staticFiles(static)
	if err != nil {
		return "", err
	}
	sum, err := fingerprint(binary, files)
	if err != nil {
		return "", err
	}
	place := filepath.Join(dir, sum)
	if _, ok := useCached(dir, place, v1.Hash{Algorithm: "sha256", Hex: sum}); ok {
		return "sha256:" + sum, os.Remove(binary)
	}
	meta, err := json.Marshal(meta{Env: []string{}, User: user, Size: size, Workdir: len(files.items) > 0, Server: isFunctionServer(binary)})
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp) // gone already when all went well
	err = errors.Join(
		os.Chmod(tmp, 0o755), // the function's user has to get in
		os.Chmod(binary, 0o755),
		os.Rename(binary, filepath.Join(tmp, programFile)),
		os.WriteFile(filepath.Join(tmp, metaFile), meta, 0o644),
	)
	if err == nil && len(files.items) > 0 {
		err = files.copyReadOnly(filepath.Join(tmp, workdirFolder))
	}
	if err == nil && os.Rename(tmp, place) != nil { // what is there was not accepted above: it is broken
		err = errors.Join(os.RemoveAll(place), os.Rename(tmp, place))
	}
	if err != nil {
		return "", err
	}
	return "sha256:" + sum, nil
}

// staticFolder is the folder beside a handler that belongs to its image.
const staticFolder = "static"

// staticFiles lists the folder; empty when there is none.
func staticFiles(static string) (*fileList, error) {
	files := &fileList{}
	real, err := filepath.EvalSymlinks(static)
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	if err != nil {
		return nil, err
	}
	files.within = []string{real}
	return files, files.add(real, staticFolder)
}

// copyReadOnly writes the items below dir as an image's working directory has
// them.
func (l *fileList) copyReadOnly(dir string) error {
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
		return err
	}
	for _, it := range l.items {
		to := filepath.Join(dir, filepath.FromSlash(it.to))
		if it.mode.IsDir() {
			if err := errors.Join(os.Mkdir(to, 0o755), os.Chmod(to, 0o755)); err != nil {
				return err
			}
		} else if err := copyFile(it.from, to, 0o444|it.mode.Perm()&0o111); err != nil {
			return err
		}
	}
	return nil
}

// fingerprint covers the program and the files; without files it is the
// program's own.
func fingerprint(program string, files *fileList) (string, error) {
	sum, err := hashFile(program)
	if err != nil {
		return "", err
	}
	if len(files.items) > 0 {
		h := sha256.New()
		h.Write(sum)
		if err := files.hash(h); err != nil {
			return "", err
		}
		sum = h.Sum(nil)
	}
	return fmt.Sprintf("%x", sum), nil
}
