package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A program that was placed is unpacked without a registry, and one that is no
// program is not placed.
func TestAPlacedProgramNeedsNoRegistry(t *testing.T) {
	work, dir := t.TempDir(), filepath.Join(t.TempDir(), "unpacked")
	place := func() string {
		t.Helper()
		path := filepath.Join(work, "handler")
		write(t, path, program(t))
		digest, err := Place(path, dir)
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
	if _, err := Place(text, dir); err == nil {
		t.Error("a script was placed as a program")
	}
}
