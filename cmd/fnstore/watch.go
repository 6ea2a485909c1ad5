package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// watch notices that something in folders or files has changed. It looks by
// itself, ten times a second: some hundred stat calls, less than a thousandth of
// a processor each, that work on every file system and miss nothing, as events
// do when an editor replaces a file or a folder is mounted from elsewhere.
type watch struct {
	dirs  []string // their own files; folders in them are named apart
	files []string
	trees []string // all that is in them, at any depth
}

const pollInterval = 100 * time.Millisecond

// snapshot gives a mark that is another one after a change.
func (w *watch) snapshot() uint64 {
	h := fnv.New64a()
	note := func(path string, info os.FileInfo) {
		fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano())
	}
	for _, dir := range w.dirs {
		entries, _ := os.ReadDir(dir) // one that is gone is a change as well
		for _, e := range entries {
			if e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), "~") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			if info, err := e.Info(); err == nil {
				note(filepath.Join(dir, e.Name()), info)
			}
		}
	}
	for _, path := range w.files {
		if info, err := os.Stat(path); err == nil {
			note(path, info)
		}
	}
	for _, tree := range w.trees {
		_ = filepath.WalkDir(tree, func(path string, d os.DirEntry, err error) error { // one that is gone is a change as well
			if err != nil {
				return nil
			}
			if info, err := d.Info(); err == nil {
				note(path, info)
			}
			return nil
		})
	}
	return h.Sum64()
}

// await returns when something differs from what was seen, or ctx ends.
func (w *watch) await(ctx context.Context, seen uint64) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for w.snapshot() == seen {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
