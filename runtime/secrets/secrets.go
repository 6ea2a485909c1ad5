// Package secrets keeps the store's secrets as files, one each, and lays those
// a function may read into a folder of its own. It does not know what a secret
// is for, and never gives a value to anyone but a function's folder.
package secrets

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"fnstore/kit/fault"
	"fnstore/kit/secret"
)

// maxSecretBytes is the longest value kept, in bytes: what Kubernetes allows.
const maxSecretBytes = 1 << 20

// Store is a folder of secrets. Its methods are safe for concurrent use.
type Store struct {
	dir string

	mu       sync.Mutex
	watchers []func(name string)
}

// Open makes the folder if it is missing: nobody but its owner may enter it.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open secrets: %w", err)
	}
	return &Store{dir: dir}, nil
}

// OnChange has f called with the name of each secret after it was written or
// deleted.
func (s *Store) OnChange(f func(name string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, f)
}

func (s *Store) changed(name string) {
	s.mu.Lock()
	watchers := slices.Clone(s.watchers)
	s.mu.Unlock()
	for _, f := range watchers {
		f(name)
	}
}

// path refuses every name that is not a secret's before it can become a path.
func (s *Store) path(name string) (string, error) {
	if !secret.ValidName(name) {
		return "", fault.New(fault.Invalid, "bad_secret_name",
			"%q is not a secret's name: lower case letters, digits, '-' and '.', at most 253 (RFC 1123)", name)
	}
	return filepath.Join(s.dir, name), nil
}

func notFound(name string) error {
	return fault.New(fault.NotFound, "secret_not_found", "there is no secret %q", name)
}

// List gives the names, sorted.
func (s *Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list secrets: %w", err)
	}
	names := []string{}
	for _, e := range entries {
		if secret.ValidName(e.Name()) && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Has reports whether the secret exists.
func (s *Store) Has(name string) bool {
	p, err := s.path(name)
	if err != nil {
		return false
	}
	_, err = os.Lstat(p)
	return err == nil
}

// Read gives the value, for the parts of the runtime that need it themselves.
func (s *Store) Read(name string) ([]byte, error) {
	p, err := s.path(name)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(name)
	}
	return b, err
}

// Create writes a secret that must not exist yet.
func (s *Store) Create(name string, value []byte) error {
	if s.Has(name) {
		return fault.New(fault.Conflict, "secret_exists", "the secret %q exists already", name)
	}
	return s.Put(name, value)
}

// Update replaces a secret that must exist.
func (s *Store) Update(name string, value []byte) error {
	if _, err := s.path(name); err != nil {
		return err
	}
	if !s.Has(name) {
		return notFound(name)
	}
	return s.Put(name, value)
}

// Put writes the secret, new or not. A value that is there already is left
// alone, so that nobody is told of a change that is none.
func (s *Store) Put(name string, value []byte) error {
	p, err := s.path(name)
	if err != nil {
		return err
	}
	switch {
	case len(value) == 0:
		return fault.New(fault.Invalid, "secret_empty", "the secret %q has no value", name)
	case len(value) > maxSecretBytes:
		return fault.New(fault.TooLarge, "secret_too_large", "a secret may have %d bytes", maxSecretBytes)
	}
	if old, err := os.ReadFile(p); err == nil && string(old) == string(value) {
		return nil
	}
	if err := WriteFile(p, value, 0o600); err != nil {
		return fmt.Errorf("write secret %s: %w", name, err)
	}
	s.changed(name)
	return nil
}

// Delete removes the secret.
func (s *Store) Delete(name string) error {
	p, err := s.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(p); errors.Is(err, fs.ErrNotExist) {
		return notFound(name)
	} else if err != nil {
		return fmt.Errorf("delete secret %s: %w", name, err)
	}
	s.changed(name)
	return nil
}

// Ensure gives the secret's value and makes a random one when there is none:
// 32 bytes as hex.
func (s *Store) Ensure(name string) (string, error) {
	b, err := s.Read(name)
	if err == nil {
		return string(b), nil
	}
	if fault.Of(err).Kind != fault.NotFound {
		return "", err
	}
	value := Random()
	return value, s.Put(name, []byte(value))
}

// Random gives 32 random bytes as hex.
func Random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
