package secret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mount makes a folder of secrets and points the package at it.
func mount(t *testing.T) string {
	dir := t.TempDir()
	t.Setenv("secret_mount_path", dir)
	return dir
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o400); err != nil {
		t.Fatal(err)
	}
}

// rotate replaces a file as a runtime does: a new one takes its name.
func rotate(t *testing.T, path, text string) {
	t.Helper()
	put(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// age makes a file old enough to be kept in memory.
func age(t *testing.T, path string) {
	t.Helper()
	then := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, key, value string) {
	t.Helper()
	if got, err := Read(key); err != nil || got != value {
		t.Errorf("Read(%q) = %q, %v; want %q", key, got, err, value)
	}
}

// Seed: R29, B18
func TestSecret_WhiteSpaceAroundIsNotTheSecret(t *testing.T) {
	dir := mount(t)
	put(t, filepath.Join(dir, "api-key"), " \tpass word\r\n\n")
	want(t, "api-key", "pass word")
}

// Seed: R29, B18
func TestSecret_RotationIsSeenAtTheNextUse(t *testing.T) {
	dir := mount(t)
	path := filepath.Join(dir, "api-key")
	put(t, path, "first")
	want(t, "api-key", "first")
	rotate(t, path, "other") // same length, same second
	want(t, "api-key", "other")
	age(t, path)
	want(t, "api-key", "other")
	rotate(t, path, "third")
	age(t, path) // even with the old file's size and time
	want(t, "api-key", "third")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, path, "in place")
	want(t, "api-key", "in place")
	os.Remove(path)
	if v, err := Read("api-key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a removed secret is still %q, %v", v, err)
	}
}

// Seed: B18
func TestSecret_AnUnchangedFileIsReadOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept")
	put(t, path, "value")
	age(t, path)
	c := files{seen: map[string]entry{}}
	if v, err := c.read(path); err != nil || v != "value" {
		t.Fatal(v, err)
	}
	e := c.seen[path]
	e.value = "from memory"
	c.seen[path] = e
	if v, err := c.read(path); err != nil || v != "from memory" {
		t.Errorf("read the file again: %q %v", v, err)
	}
}

// Knative mounts a folder; Kubernetes keeps generations behind dot names in it.
func TestSecret_FolderWithOneKey(t *testing.T) {
	dir := mount(t)
	folder := filepath.Join(dir, "api-key")
	gen := filepath.Join(folder, "..2026_11_01")
	if err := os.MkdirAll(gen, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(gen, "value"), "one\n")
	os.Symlink("..2026_11_01", filepath.Join(folder, "..data"))
	os.Symlink("..data/value", filepath.Join(folder, "value"))
	want(t, "api-key", "one")
	put(t, filepath.Join(folder, "second"), "x")
	if v, err := Read("api-key"); err == nil {
		t.Errorf("two keys gave %q", v)
	}
	os.Mkdir(filepath.Join(dir, "empty-one"), 0o755)
	if v, err := Read("empty-one"); err == nil {
		t.Errorf("an empty folder gave %q", v)
	}
}

func TestSecret_NamesThatAreRefused(t *testing.T) {
	dir := mount(t)
	put(t, filepath.Join(filepath.Dir(dir), "outside"), "stolen")
	for _, name := range []string{
		"", ".", "..", "../outside", "a/../../outside", "/etc/passwd", "a..b", "-a", "a-", "A", "a_b", "a b",
		"a\x00", "é", "a/b", `a\b`, "a\n", strings.Repeat("a", 254), ".hidden",
	} {
		if v, err := Read(name); !errors.Is(err, ErrName) {
			t.Errorf("%q: %q %v", name, v, err)
		}
	}
	for _, name := range []string{"a", "api-key", "a.b", "0", strings.Repeat("a", 253)} {
		if !ValidName(name) {
			t.Errorf("%q was refused", name)
		}
	}
}

func TestSecret_ContentThatIsRefused(t *testing.T) {
	dir := mount(t)
	put(t, filepath.Join(dir, "blank"), " \n")
	if v, err := Read("blank"); !errors.Is(err, ErrEmpty) {
		t.Errorf("blank: %q %v", v, err)
	}
	put(t, filepath.Join(dir, "huge"), strings.Repeat("x", maxSize+1))
	if _, err := Read("huge"); err == nil {
		t.Error("a secret over the limit was read")
	}
	put(t, filepath.Join(dir, "full"), strings.Repeat("x", maxSize))
	if v, err := Read("full"); err != nil || len(v) != maxSize {
		t.Errorf("a secret at the limit: %d bytes, %v", len(v), err)
	}
}

// An error may be logged; the value may not.
func TestSecret_ErrorsDoNotHoldTheValue(t *testing.T) {
	dir := mount(t)
	put(t, filepath.Join(dir, "huge"), strings.Repeat("canary", maxSize))
	if _, err := Read("huge"); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}

func FuzzValidName(f *testing.F) {
	f.Add("api-key")
	f.Add("../x")
	f.Fuzz(func(t *testing.T, name string) {
		if ValidName(name) && (filepath.Base(name) != name || !filepath.IsLocal(name) || len(name) > 253) {
			t.Errorf("%q would leave the folder", name)
		}
	})
}
