package secrets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fnstore/kit/fault"
	"fnstore/kit/secret"
)

// Check returns fault.Invalid when one of the names is not a secret's or names
// none: a function that asks for it must not be deployed.
func (s *Store) Check(names []string) error {
	for _, n := range names {
		if _, err := s.path(n); err != nil {
			return err
		}
		if !s.Has(n) {
			return fault.New(fault.Invalid, "secret_missing", "unable to find secret: %s", n)
		}
	}
	return nil
}

// MissingError names secrets that a function lists and that are not there any
// more. The function has its others.
type MissingError struct{ Names []string }

func (e *MissingError) Error() string {
	return "there is no secret " + strings.Join(e.Names, ", ") + " any more; the function goes on without it until it is made again"
}

// Project makes dir hold exactly the named secrets, readable by uid alone
// (-1 leaves the owner). A file is replaced whole, so a reader sees the old
// value or the new one. A secret that was removed is left out and does not keep
// the others: the error is a *MissingError then.
func (s *Store) Project(dir string, names []string, uid int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write secrets: %w", err)
	}
	if err := own(dir, uid); err != nil {
		return fmt.Errorf("write secrets: %w", err)
	}
	keep := map[string]bool{}
	var missing []string
	for _, n := range names {
		value, err := s.Read(n)
		if err != nil && fault.Of(err).Kind == fault.NotFound {
			missing = append(missing, n)
			continue
		}
		if err != nil {
			return err
		}
		keep[n] = true
		path := filepath.Join(dir, n)
		if old, err := os.ReadFile(path); err == nil && string(old) == string(value) {
			continue
		}
		if err := writeOwned(path, value, 0o400, uid); err != nil {
			return fmt.Errorf("write secret %s: %w", n, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("write secrets: %w", err)
	}
	for _, e := range entries {
		if !keep[e.Name()] {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && secret.ValidName(e.Name()) {
				return fmt.Errorf("remove secret %s: %w", e.Name(), err)
			}
		}
	}
	if missing != nil {
		return &MissingError{missing}
	}
	return nil
}

func own(path string, uid int) error {
	if uid < 0 {
		return nil
	}
	return os.Lchown(path, uid, uid)
}

// WriteFile replaces the file at path in one step that survives a power cut.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	return writeOwned(path, data, mode, -1)
}

func writeOwned(path string, data []byte, mode os.FileMode, uid int) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = own(f.Name(), uid); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
