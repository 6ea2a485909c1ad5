package image

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Place takes a program that was compiled on this machine and keeps it where
// Unpack, given the same dir, finds it under the digest that is returned: with
// no layers, no registry, and nobody to send it to. It is for a program whose
// next version is seconds away. The file at binary is gone afterwards.
func Place(binary, dir string) (digest string, err error) {
	size, err := checkProgram(binary, runtime.GOARCH)
	if err != nil {
		return "", fmt.Errorf("place %s: %w", binary, err)
	}
	sum, err := fingerprint(binary)
	if err != nil {
		return "", fmt.Errorf("place %s: %w", binary, err)
	}
	place := filepath.Join(dir, sum)
	if _, ok := wanted(dir, place, v1.Hash{Algorithm: "sha256", Hex: sum}); ok {
		return "sha256:" + sum, os.Remove(binary)
	}
	meta, err := json.Marshal(meta{Env: []string{}, User: user, Size: size})
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
	if err == nil && os.Rename(tmp, place) != nil { // what is there was not accepted above: it is broken
		err = errors.Join(os.RemoveAll(place), os.Rename(tmp, place))
	}
	if err != nil {
		return "", fmt.Errorf("place %s: %w", binary, err)
	}
	return "sha256:" + sum, nil
}

func fingerprint(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
