package registry

import (
	"os"
	"path/filepath"
	"syscall"
)

// errNoSpace is what a full disk says.
var errNoSpace error = syscall.ENOSPC

// write puts data under path so that a reader, or a process that starts after
// a crash, finds either all of it or what was there before.
func write(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when the rename below went well
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return renameDurably(f.Name(), path)
}

// renameDurably renames a synced file into place and makes the rename itself last.
func renameDurably(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
