package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A save is seen however the editor makes it; what an editor leaves beside the
// file, and a test, are no part of the program.
func TestWatch_SeesSaves(t *testing.T) {
	dir := t.TempDir()
	stack := filepath.Join(t.TempDir(), "stack.yml")
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	handler := filepath.Join(dir, "handler.go")
	put(handler, "one")
	put(stack, "one")
	w := watch{dirs: []string{dir}, files: []string{stack}}
	changes := func(what string, want bool, change func()) {
		t.Helper()
		seen := w.snapshot()
		change()
		if got := w.snapshot() != seen; got != want {
			t.Errorf("%s: seen is %v", what, got)
		}
	}
	changes("nothing", false, func() {})
	changes("written in place", true, func() { put(handler, "two!") })
	changes("of the same length", true, func() {
		put(handler, "2two")
		later := time.Now().Add(time.Second) // clocks of file systems are coarse
		if err := os.Chtimes(handler, later, later); err != nil {
			t.Fatal(err)
		}
	})
	changes("replaced", true, func() {
		put(handler+"~", "three")
		if err := os.Rename(handler+"~", handler); err != nil {
			t.Fatal(err)
		}
	})
	changes("a new file", true, func() { put(filepath.Join(dir, "more.go"), "") })
	changes("a file removed", true, func() { _ = os.Remove(filepath.Join(dir, "more.go")) })
	changes("the stack file", true, func() { put(stack, "three") })
	changes("a swap file", false, func() { put(filepath.Join(dir, ".handler.go.swp"), "") })
	changes("a backup", false, func() { put(handler+"~", "") })
	changes("a test", false, func() { put(filepath.Join(dir, "handler_test.go"), "") })
}

// Waiting ends with the work, and at once when something changed before.
func TestWatch_Ends(t *testing.T) {
	w := watch{dirs: []string{t.TempDir()}}
	w.await(t.Context(), w.snapshot()+1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.await(ctx, w.snapshot())
}
