package secrets

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fnstore/kit/fault"
)

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "vault"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func kind(err error) fault.Kind { return fault.Of(err).Kind }

func TestStore_CreateUpdateDelete(t *testing.T) {
	s := open(t)
	var told []string
	s.OnChange(func(name string) { told = append(told, name) })
	for _, step := range []struct {
		do   func() error
		want fault.Kind // 0, which is Internal, stands for no error
	}{
		{func() error { return s.Update("k", []byte("v")) }, fault.NotFound},
		{func() error { return s.Delete("k") }, fault.NotFound},
		{func() error { return s.Create("k", nil) }, fault.Invalid},
		{func() error { return s.Create("k", make([]byte, maxSecretBytes+1)) }, fault.TooLarge},
		{func() error { return s.Create("k", []byte("v")) }, 0},
		{func() error { return s.Create("k", []byte("v")) }, fault.Conflict},
		{func() error { return s.Update("k", []byte("v")) }, 0}, // no change: nobody is told
		{func() error { return s.Update("k", []byte("w\n")) }, 0},
		{func() error { return s.Create("a.b", []byte("x")) }, 0},
	} {
		if err := step.do(); err == nil && step.want != 0 || err != nil && kind(err) != step.want {
			t.Errorf("got %v, want kind %v", err, step.want)
		}
	}
	if b, err := s.Read("k"); err != nil || string(b) != "w\n" {
		t.Errorf("read %q, %v: bytes are kept as they are", b, err)
	}
	if names, err := s.List(); err != nil || !slices.Equal(names, []string{"a.b", "k"}) {
		t.Errorf("list %v, %v", names, err)
	}
	if err := s.Delete("k"); err != nil {
		t.Error(err)
	}
	if !slices.Equal(told, []string{"k", "k", "a.b", "k"}) {
		t.Errorf("told of %v", told)
	}
}

// No name becomes a path, in whichever call it comes.
func TestStore_NamesAreNoPaths(t *testing.T) {
	s := open(t)
	outside := filepath.Join(s.dir, "..", "outside")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"", ".", "..", "../outside", "a/b", "/etc/passwd", "A", "a..b", "-a", "a-", "a\x00", "a b", strings.Repeat("a", 254), ".new-1", "é"} {
		for verb, err := range map[string]error{
			"create": s.Create(n, []byte("v")), "update": s.Update(n, []byte("v")), "delete": s.Delete(n), "check": s.Check([]string{n}),
		} {
			if kind(err) != fault.Invalid {
				t.Errorf("%s %q: %v", verb, n, err)
			}
		}
		if _, err := s.Read(n); kind(err) != fault.Invalid {
			t.Errorf("read %q: %v", n, err)
		}
		if s.Has(n) {
			t.Errorf("%q is there", n)
		}
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "x" {
		t.Errorf("the file outside: %q, %v", b, err)
	}
}

// A function's folder holds what it may read, and nobody else can enter.
//
// Seed: R29
func TestSecrets_Project(t *testing.T) {
	s := open(t)
	for _, n := range []string{"a", "b", "c"} {
		if err := s.Put(n, []byte("of "+n)); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "run", "secrets")
	uid := -1
	if os.Geteuid() == 0 {
		uid = 61999
	}
	if err := s.Project(dir, []string{"a", "b"}, uid); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(dir, "a"))
	if err != nil || before.Mode().Perm() != 0o400 {
		t.Fatalf("%v, %v", before, err)
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("folder %v", info.Mode())
	}
	if err := s.Put("b", []byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := s.Project(dir, []string{"a", "b"}, uid); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(filepath.Join(dir, "a")); !os.SameFile(before, after) {
		t.Error("an unchanged secret was replaced")
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "b")); string(b) != "new" {
		t.Errorf("b is %q", b)
	}
	if err := s.Project(dir, []string{"c"}, uid); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 || entries[0].Name() != "c" {
		t.Errorf("left: %v", entries)
	}
}

// A secret that was removed while a function lists it does not keep the others
// from the function.
func TestProject_WithoutOneThatWasRemoved(t *testing.T) {
	s := open(t)
	for _, n := range []string{"a", "b", "c"} {
		if err := s.Put(n, []byte("of "+n)); err != nil {
			t.Fatal(err)
		}
	}
	dir, names := filepath.Join(t.TempDir(), "secrets"), []string{"a", "b", "c"}
	if err := s.Project(dir, names, -1); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Delete("a"), s.Put("b", []byte("new"))); err != nil {
		t.Fatal(err)
	}
	var missing *MissingError
	if err := s.Project(dir, names, -1); !errors.As(err, &missing) || !slices.Equal(missing.Names, []string{"a"}) {
		t.Errorf("the error is %v", err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "b")); string(b) != "new" {
		t.Errorf("b is %q", b)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "c")); string(b) != "of c" {
		t.Errorf("c is %q", b)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); !os.IsNotExist(err) {
		t.Errorf("a is still there: %v", err)
	}
	if err := errors.Join(s.Put("a", []byte("again")), s.Project(dir, names, -1)); err != nil {
		t.Error(err)
	}
}

func TestEnsure_MakesOneValue(t *testing.T) {
	s := open(t)
	a, err := s.Ensure("k")
	if err != nil || len(a) != 64 {
		t.Fatalf("%q, %v", a, err)
	}
	if b, err := s.Ensure("k"); err != nil || b != a {
		t.Errorf("%q then %q, %v", a, b, err)
	}
}
