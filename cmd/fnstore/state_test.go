package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestState_EnvIsReadByShellsAndByUs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	odd := `it's "$HOME" \ %x`
	if err := writeEnv(path, []variable{{"ODD", odd}, {"PLAIN", "http://127.0.0.1:8080"}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	vars, err := readEnv(path)
	if err != nil || vars["ODD"] != odd || vars["PLAIN"] != "http://127.0.0.1:8080" {
		t.Errorf("%q, %v", vars, err)
	}
	out, err := exec.Command("sh", "-c", `. "$0"; sh -c 'printf %s "$ODD"'`, path).Output()
	if err != nil || string(out) != odd {
		t.Errorf("a shell reads %q, %v", out, err)
	}
	if _, err := readEnv(path + "-not"); err == nil {
		t.Error("a store that was never started has an env")
	}
}

func TestState_AStateHasOneStore(t *testing.T) {
	s := &settings{State: t.TempDir()}
	unlock, err := lockState(s)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(s.path("fnstore.pid")); strings.TrimSpace(string(b)) == "" {
		t.Error("down would not find it")
	}
	if _, err := lockState(s); !errors.Is(err, errRunning) {
		t.Errorf("a second store: %v", err)
	}
	unlock()
	if again, err := lockState(s); err != nil {
		t.Error(err)
	} else {
		again()
	}
}

// Where a function's user could not walk to its files, the state goes elsewhere.
func TestState_AClosedFolderIsNoPlaceForFunctions(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.MkdirAll(filepath.Join(closed, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if walkable(filepath.Join(closed, "below")) || walkable(closed) {
		t.Error("nobody else may walk through a folder of mode 0700")
	}
	if !walkable("/usr/bin") {
		t.Error("everybody may walk to /usr/bin")
	}
	s := &settings{State: filepath.Join(closed, "below", ".fnstore")}
	moved, err := s.openState()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.State) })
	if moved != (os.Geteuid() == 0) {
		t.Errorf("moved: %v, as user %d", moved, os.Geteuid())
	}
	if moved && !strings.HasPrefix(s.State, elsewhere+"/") {
		t.Errorf("moved to %s", s.State)
	}
	link := filepath.Join(closed, "below", ".fnstore")
	again := &settings{State: link}
	if _, err := again.openState(); err != nil || again.State != s.State {
		t.Errorf("the second time it is %s, %v; was %s", again.State, err, s.State)
	}
}

func TestState_CredentialsAreMadeOnce(t *testing.T) {
	c := credentials{filepath.Join(t.TempDir(), "credentials")}
	a, err := c.get("x")
	if err != nil || len(a) != 64 {
		t.Fatalf("%q, %v", a, err)
	}
	if b, err := c.get("x"); err != nil || b != a {
		t.Errorf("%q then %q, %v", a, b, err)
	}
	if info, err := os.Stat(c.path("x")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(c.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
