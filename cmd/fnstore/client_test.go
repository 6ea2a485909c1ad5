package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// gatewayOf is a store's state folder and a gateway that counts its removals.
func gatewayOf(t *testing.T) (state, url string, removed *atomic.Int32) {
	t.Helper()
	removed = &atomic.Int32{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); r.Method == http.MethodDelete && password == "secret" {
			removed.Add(1)
		}
		_ = json.NewEncoder(w).Encode([]string{})
	}))
	t.Cleanup(srv.Close)
	state = t.TempDir()
	password := filepath.Join(state, "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	vars := []variable{{"OPENFAAS_URL", srv.URL}, {"OPENFAAS_PASSWORD_FILE", password}, {"FNSTORE_STATE", state}}
	if err := writeEnv(filepath.Join(state, "env"), vars); err != nil {
		t.Fatal(err)
	}
	return state, srv.URL, removed
}

// inEnvironment sets the variables that name a store, to these alone.
func inEnvironment(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, name := range []string{"OPENFAAS_URL", "OPENFAAS_PASSWORD_FILE", "FNSTORE_STATE", "FNSTORE_REGISTRY"} {
		t.Setenv(name, vars[name])
		if vars[name] == "" {
			_ = os.Unsetenv(name)
		}
	}
}

func command(args ...string) (string, error) {
	var out strings.Builder
	err := run(context.Background(), args, strings.NewReader(""), &out)
	return out.String(), err
}

func TestClient_StateFlagBeatsEnvironment(t *testing.T) {
	stateA, _, removedA := gatewayOf(t)
	stateB, urlB, removedB := gatewayOf(t)
	for _, at := range []map[string]string{
		{"OPENFAAS_URL": urlB, "OPENFAAS_PASSWORD_FILE": filepath.Join(stateB, "password")},
		{"OPENFAAS_URL": urlB, "OPENFAAS_PASSWORD_FILE": filepath.Join(stateB, "password"), "FNSTORE_STATE": stateB},
		{"OPENFAAS_URL": urlB},
	} {
		inEnvironment(t, at)
		before := removedA.Load()
		if _, err := command("--state", stateA, "remove", "hello"); err != nil {
			t.Errorf("%v: %v", at, err)
		}
		if removedA.Load() != before+1 || removedB.Load() != 0 {
			t.Errorf("%v: %d removals at the store of --state, %d at the other", at, removedA.Load()-before, removedB.Load())
		}
	}
}

func TestClient_EnvironmentThatContradictsItself(t *testing.T) {
	stateA, urlA, removedA := gatewayOf(t)
	stateB, urlB, removedB := gatewayOf(t)
	passwordB := filepath.Join(stateB, "password")

	inEnvironment(t, map[string]string{"OPENFAAS_URL": strings.Replace(urlB, "http://", "http://user:hidden@", 1), "FNSTORE_STATE": stateB})
	if _, err := command("remove", "hello"); err == nil || !strings.Contains(err.Error(), "OPENFAAS_PASSWORD_FILE is not set") || strings.Contains(err.Error(), "hidden") {
		t.Errorf("a URL without a password file: %v", err)
	}
	inEnvironment(t, map[string]string{"OPENFAAS_URL": urlB, "OPENFAAS_PASSWORD_FILE": passwordB, "FNSTORE_STATE": stateA})
	if _, err := command("remove", "hello"); err == nil || !strings.Contains(err.Error(), urlA) || !strings.Contains(err.Error(), urlB) {
		t.Errorf("a URL and a state of two stores: %v", err)
	}
	if removedA.Load()+removedB.Load() != 0 {
		t.Error("something was removed")
	}
	// Without FNSTORE_STATE the URL decides, as with faas-cli.
	inEnvironment(t, map[string]string{"OPENFAAS_URL": urlB, "OPENFAAS_PASSWORD_FILE": passwordB})
	t.Chdir(t.TempDir())
	if _, err := command("remove", "hello"); err != nil || removedB.Load() != 1 {
		t.Errorf("%v, %d removals", err, removedB.Load())
	}
	// What uses the state's registry or keys needs both to be of one store.
	if err := os.Symlink(stateA, ".fnstore"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"deploy", "hello"}, {"dev", "hello"}, {"invoke", "hello"}} {
		if _, err := command(args...); err == nil || !strings.Contains(err.Error(), "--state") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestClient_EnvFileNamesItsState(t *testing.T) {
	state, _, removed := gatewayOf(t)
	vars, err := readEnv(filepath.Join(state, "env"))
	if err != nil {
		t.Fatal(err)
	}
	inEnvironment(t, vars)
	t.Chdir(t.TempDir()) // no .fnstore here
	if _, err := command("remove", "hello"); err != nil || removed.Load() != 1 {
		t.Errorf("%v, %d removals", err, removed.Load())
	}
}

func TestClient_SameGateway(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"http://127.0.0.1:8080", "http://localhost:8080/", true},
		{"http://[::1]:8080", "http://127.0.0.1:8080", true},
		{"http://box", "http://box:80", true},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8081", false},
		{"http://127.0.0.1:8080", "https://127.0.0.1:8080", false},
		{"http://box:8080", "http://127.0.0.1:8080", false},
	} {
		if got := sameGateway(c.a, c.b); got != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}
