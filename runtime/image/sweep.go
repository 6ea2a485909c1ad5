package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Sweep removes from dir what Unpack and Install have put there for nobody: what
// is not named in keep, by digest, and was not asked for within the grace. A
// registry may have it still; then Unpack brings it back. It removes at most
// this many, and gives how many that were and their bytes.
func Sweep(dir string, keep map[string]bool, grace time.Duration, most int) (n int, bytes int64, err error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("sweep unpacked images: %w", err)
	}
	for _, e := range list {
		if n >= most {
			break
		}
		if !e.IsDir() || keep["sha256:"+e.Name()] {
			continue
		}
		gone, err := moveToTrash(dir, e.Name(), grace)
		if err != nil {
			return n, bytes, fmt.Errorf("sweep unpacked images: %w", err)
		}
		if gone == "" {
			continue
		}
		bytes += size(gone)
		if err := os.RemoveAll(gone); err != nil {
			return n, bytes, fmt.Errorf("sweep unpacked images: %w", err)
		}
		n++
	}
	return n, bytes, nil
}

// trashPrefix is the prefix of what a sweep is removing, or was when it was killed.
const trashPrefix = ".old-"

// moveToTrash renames an image's folder, so that nobody finds it, unless it was used
// within the grace, and gives its new name; "" when it stays.
func moveToTrash(dir, name string, grace time.Duration) (string, error) {
	unlock, err := lockDir(dir, syscall.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer unlock()
	from := filepath.Join(dir, name)
	info, err := os.Stat(from)
	if err != nil || time.Since(info.ModTime()) < grace {
		return "", nil // somebody else was quicker, or asked for it
	}
	if strings.HasPrefix(name, trashPrefix) {
		return from, nil
	}
	to := filepath.Join(dir, trashPrefix+name)
	return to, os.Rename(from, to)
}

// lockDir holds those who look into dir and who sweeps it apart, across processes.
func lockDir(dir string, how int) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil // closing unlocks
}

// size is what a folder holds, in bytes; what cannot be seen counts nothing.
func size(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
