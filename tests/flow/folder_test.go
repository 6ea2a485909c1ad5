package flow

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// greetWithFile answers with a file that lies beside the handler.
const greetWithFile = `package function

import (
	"net/http"
	"os"
)

func Handle(w http.ResponseWriter, _ *http.Request) {
	b, err := os.ReadFile("static/page.txt")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if err := os.WriteFile("static/page.txt", []byte("changed"), 0o644); err == nil {
		http.Error(w, "static can be written to", http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(b)
}
`

// sourced is a command for a shell that has read .fnstore/env and knows the store
// from nothing else.
func sourced(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", `. "$0"; exec "$@"`, filepath.Join(shared.State, "env"), shared.Bin}, args...)...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FNSTORE_") && !strings.HasPrefix(v, "OPENFAAS_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// A function in a folder of one's own, with a stack file as faas-cli names it, goes
// to the store that runs, with the files beside its handler.
func TestDeploy_FromAnyFolder(t *testing.T) {
	fits(t)
	dir := t.TempDir()
	mustSay := func(want string, args ...string) {
		t.Helper()
		if out, err := sourced(dir, args...).CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("fnstore %v: %v %s", args, err, out)
		}
	}
	mustSay("folder-own is made", "new", "--here", "folder-own")
	if err := os.Rename(filepath.Join(dir, "stack.yml"), filepath.Join(dir, "stack.yaml")); err != nil {
		t.Fatal(err)
	}
	mustSay("serves at "+shared.URL+"/function/folder-own", "deploy")
	t.Cleanup(func() { _ = sourced(dir, "remove", "folder-own").Run() })
	if _, body := post(t, shared, "/function/folder-own?name=Ada", ""); body != "Hello, Ada, from folder-own!\n" {
		t.Errorf("%q", body)
	}

	if err := os.MkdirAll(filepath.Join(dir, "folder-own/static"), 0o755); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "folder-own/static/page.txt"), "a page")
	save(t, filepath.Join(dir, "folder-own/handler.go"), greetWithFile)
	if err := os.Remove(filepath.Join(dir, "folder-own/handler_test.go")); err != nil {
		t.Fatal(err)
	}
	mustSay("serves at", "deploy", "folder-own")
	if status, body := post(t, shared, "/function/folder-own", ""); status != 200 || body != "a page" {
		t.Errorf("%d %q", status, body)
	}

	if machine != nil { // dev needs processes, as TestOwn_AFunctionOfOnesOwn shows
		mustSay("folder-own is removed", "remove", "folder-own")
		return
	}
	dev := sourced(dir, "dev", "folder-own")
	said := start(t, dev)
	said("serves at")
	save(t, filepath.Join(dir, "folder-own/static/page.txt"), "another page")
	said("serves at")
	if status, body := post(t, shared, "/function/folder-own", ""); status != 200 || body != "another page" {
		t.Errorf("after a save: %d %q", status, body)
	}
	if err := dev.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	said("fnstore deploy folder-own")
	if err := dev.Wait(); err != nil {
		t.Errorf("dev ended with %v", err)
	}
	mustSay("/fnstore/folder-own:dev", "rollback", "folder-own")
	if status, body := post(t, shared, "/function/folder-own", ""); status != 200 || body != "a page" {
		t.Errorf("after a rollback: %d %q", status, body)
	}
	mustSay("folder-own is removed", "remove", "folder-own")
}
