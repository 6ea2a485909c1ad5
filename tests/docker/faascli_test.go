package docker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/tests/storetest"
)

// The real faas-cli builds an image with this engine, pushes it to the store's
// registry and deploys it to a store whose functions are containers.
func TestFaasCLI_UpWithAnEngine(t *testing.T) {
	program := os.Getenv("FAAS_CLI")
	if program == "" {
		t.Log("NOT CHECKED: faas-cli up with a container engine: FAAS_CLI names no faas-cli")
		return
	}
	program, err := filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := base(); err != nil {
		t.Fatal(err)
	}
	s := shop{storetest.Start(t, "FNSTORE_BACKEND=docker", "DOCKER_HOST="+machine.Host), t}
	if code, text := s.system("DELETE", "/system/functions", map[string]string{"functionName": "hello"}); code/100 != 2 {
		t.Fatal(code, text)
	}
	dir := t.TempDir()
	if out, err := exec.Command("sh", "-ec", `cd "$1" && cp -R go.mod go.sum stack.yml kit functions template "$2"`, "sh", s.Root, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	// This machine's toolchain stands in for the compiler's image, and there is
	// no way out of the engine's network.
	path := filepath.Join(dir, "stack.yml")
	stack, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	handler := "    handler: ./functions/hello\n"
	args := fmt.Sprintf("    build_args:\n      GO_IMAGE: %q\n      GOPROXY: \"off\"\n      GOFLAGS: %q\n", compiler, os.Getenv("GOFLAGS"))
	changed := strings.Replace(string(stack), handler, handler+args, 1)
	if changed == string(stack) {
		t.Fatal("the stack file has no hello as it was")
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	cli := func(in string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
		cmd.Env = append(machine.Env, "HOME="+dir, "OPENFAAS_URL="+s.URL, "FNSTORE_REGISTRY="+s.Env["FNSTORE_REGISTRY"], "FNSTORE_VERSION=engine")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("faas-cli %s: %v\n%s", args[0], err, out)
		}
		return string(out)
	}
	cli(s.Password, "login", "--username", s.User, "--password-stdin")
	cli("", "up", "-f", "stack.yml", "--filter", "hello")
	s.until("hello answers", func() bool { return strings.Contains(s.call("hello?name=Gil"), "Hello, Gil!") })
	if got := cli(`{"name":"Hal"}`, "invoke", "hello"); !strings.Contains(got, "Hello, Hal!") {
		t.Errorf("invoke: %s", got)
	}
	if got := cli("", "describe", "hello"); !strings.Contains(got, "fnstore/hello:engine") {
		t.Errorf("describe: %s", got)
	}
}
