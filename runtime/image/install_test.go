package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A program that was placed is unpacked without a registry, and one that is no
// program is not placed.
func TestPlace_APlacedProgramNeedsNoRegistry(t *testing.T) {
	work, dir := t.TempDir(), filepath.Join(t.TempDir(), "unpacked")
	place := func() string {
		t.Helper()
		path := filepath.Join(work, "handler")
		write(t, path, program(t))
		digest, err := Install(path, filepath.Join(work, "static"), dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("the program is still where it was: %v", err)
		}
		return digest
	}
	digest := place()
	u, err := Unpack(t.Context(), "127.0.0.1:1/nobody/listens@"+digest, dir)
	if err != nil || u.Digest != digest || !strings.HasPrefix(u.Binary, dir) {
		t.Fatalf("%+v %v", u, err)
	}
	if again := place(); again != digest {
		t.Errorf("the same program is %s and %s", digest, again)
	}
	text := filepath.Join(work, "text")
	write(t, text, "#!/bin/sh\n")
	if _, err := Install(text, "", dir); err == nil {
		t.Error("a script was placed as a program")
	}
}

// The folder static beside a handler is part of what is placed, and of its digest.
func TestPlace_StaticFolder(t *testing.T) {
	work, dir := t.TempDir(), filepath.Join(t.TempDir(), "unpacked")
	place := func() string {
		t.Helper()
		write(t, filepath.Join(work, "handler"), program(t))
		digest, err := Install(filepath.Join(work, "handler"), filepath.Join(work, "static"), dir)
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	bare := place()
	write(t, filepath.Join(work, "static", "css", "page.css"), "one")
	first := place()
	write(t, filepath.Join(work, "static", "css", "page.css"), "two")
	second := place()
	if bare == first || first == second {
		t.Errorf("digests %s %s %s", bare, first, second)
	}
	u, err := Unpack(t.Context(), "127.0.0.1:1/nobody/listens@"+first, dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(u.Dir, "static", "css", "page.css")
	if b, err := os.ReadFile(path); err != nil || string(b) != "one" {
		t.Errorf("%q %v", b, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if u, err := Unpack(t.Context(), "127.0.0.1:1/nobody/listens@"+bare, dir); err != nil || u.Dir != "" {
		t.Errorf("%+v %v", u, err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(work, "static", "out")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(work, "handler"), program(t))
	if _, err := Install(filepath.Join(work, "handler"), filepath.Join(work, "static"), dir); err == nil {
		t.Error("a link that leads out of static was followed")
	}
}
