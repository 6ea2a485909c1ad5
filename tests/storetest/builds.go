package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// builds is what the stores of tests share: the images that one of them built, and
// what it knows of their inputs. A new store begins with a copy, as a store that is
// started again would, and builds what has changed since. build/ is not committed;
// `make clean` removes it.
type builds struct{ dir string }

// parts are the folders of a state that belong to builds.
var parts = []string{"build", "registry"}

func buildsOf(root string) builds { return builds{filepath.Join(root, "build", ".tests")} }

// seed gives the state of a new store what was built before.
func (b builds) seed(state string) error {
	unlock, err := b.lock(syscall.LOCK_SH)
	if err != nil {
		return err
	}
	defer unlock()
	for _, part := range parts {
		from := filepath.Join(b.dir, part)
		if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err := os.CopyFS(filepath.Join(state, part), os.DirFS(from)); err != nil {
			return fmt.Errorf("copy what was built before: %w", err)
		}
	}
	return nil
}

// keep saves what the store of a state has built, when it is news.
func (b builds) keep(state string) error {
	unlock, err := b.lock(syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer unlock()
	if b.same(state) {
		return nil
	}
	for _, part := range parts {
		to := filepath.Join(b.dir, part)
		if err := os.RemoveAll(to); err != nil {
			return fmt.Errorf("replace what was built before: %w", err)
		}
		if err := os.CopyFS(to, os.DirFS(filepath.Join(state, part))); err != nil {
			return fmt.Errorf("keep what was built: %w", errors.Join(err, os.RemoveAll(to)))
		}
	}
	return nil
}

// same tells whether every build that the state knows of is saved.
func (b builds) same(state string) bool {
	records, _ := filepath.Glob(filepath.Join(state, "build", "*.json"))
	for _, r := range records {
		now, err := os.ReadFile(r)
		if err != nil {
			return false
		}
		before, err := os.ReadFile(filepath.Join(b.dir, "build", filepath.Base(r)))
		if err != nil || !bytes.Equal(now, before) {
			return false
		}
	}
	return true
}

// lock keeps test processes that run at the same time apart. Closing unlocks.
func (b builds) lock(how int) (unlock func(), err error) {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(b.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return func() { f.Close() }, nil
}
