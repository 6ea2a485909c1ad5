// Package docker holds what functions must do under a real container engine: be
// built by the template's Dockerfile from the context that faas-cli lays out, be
// pushed to the project's registry, run as a process and as a container, and be
// kept by a store whose backend is the engine. It does not know what a function
// does beyond a call or two.
package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/image"
	"fnstore/runtime/image/registry"
	"fnstore/runtime/logs"
	"fnstore/runtime/process"
	"fnstore/runtime/provider"
	"fnstore/runtime/secrets"
	"fnstore/tests/docker/engine"
)

const (
	root     = "../.."
	compiler = "fnstore-compiler:test"
	maxImage = 8 << 20 // bytes of the hello image
)

// machine is the one engine of all tests here.
var machine *engine.Engine

func TestMain(m *testing.M) {
	if os.Getenv("FN_MODE") != "" { // this program is the function too
		behave()
		return
	}
	os.Exit(engine.Apart(func() int {
		var err error
		if machine, err = engine.Start(engine.Dir()); err != nil {
			if !errors.Is(err, engine.ErrMissing) || os.Getenv("FNSTORE_TEST_DOCKER") == "required" {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			fmt.Println("NOT CHECKED: functions as containers:", err)
			return 0
		}
		defer machine.Stop()
		return m.Run()
	}))
}

// base imports the compiler's image once.
var base = sync.OnceValue(func() error { return machine.Compiler(compiler) })

// Seed: R28
func TestDocker_HelloUnderDocker(t *testing.T) {
	if err := base(); err != nil {
		t.Fatal(err)
	}
	laid := lay(t)

	g, err := registry.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	shop := httptest.NewServer(g)
	t.Cleanup(shop.Close)
	ref := strings.TrimPrefix(shop.URL, "http://") + "/fnstore/hello:docker"

	for range 2 { // the second time nothing has changed
		must(t, "build", "--network", "none", "--build-arg", "GO_IMAGE="+compiler, "--build-arg", "GOPROXY=off",
			"--build-arg", "GOFLAGS="+os.Getenv("GOFLAGS"), "-t", ref, laid)
	}
	var said []struct {
		Size   int64
		Config struct{ User string }
	}
	if err := json.Unmarshal([]byte(must(t, "image", "inspect", ref)), &said); err != nil {
		t.Fatal(err)
	}
	t.Logf("image: %.1f MB", float64(said[0].Size)/1e6)
	if said[0].Size > maxImage || said[0].Config.User != "65532:65532" {
		t.Errorf("%+v", said)
	}
	t.Run("sandbox", func(t *testing.T) { sandboxed(t, ref) })
	t.Run("pushed and run as a process", func(t *testing.T) {
		must(t, "push", ref)
		asProcess(t, ref)
	})
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := machine.Run(nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// lay makes hello's build context as faas-cli does: the template, the handler
// over its function/, then what configuration.copy names.
func lay(t *testing.T) string {
	t.Helper()
	context := filepath.Join(t.TempDir(), "hello")
	cmd := exec.Command("sh", "-ec", `cp -R template/golang-middleware "$0"
		cp -R functions/hello/. go.mod go.sum kit "$0/function"`, context)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return context
}

// sandboxed runs the image with a read-only root, no capability, a foreign user
// and little memory, and stops it in the middle of its work.
func sandboxed(t *testing.T, ref string) {
	id := must(t, "run", "-d", "--read-only", "--tmpfs", "/tmp", "--user", "65532", "--cap-drop", "ALL",
		"--security-opt", "no-new-privileges", "--pids-limit", "64", "--memory", "64m", "-p", "127.0.0.1::8080", "-p", "127.0.0.1::8081", ref)
	defer machine.Run(nil, "rm", "-f", id)
	address := must(t, "port", id, "8080/tcp")
	url := "http://" + address
	await(t, url+"/_/health", func() string { return must(t, "logs", id) })
	if text := get(t, url+"/?name=Ann"); !strings.Contains(text, "Hello, Ann!") {
		t.Errorf("%s", text)
	}
	if text := get(t, "http://"+must(t, "port", id, "8081/tcp")+"/metrics"); !strings.Contains(text, `http_requests_total{code="200",method="get"} 1`) {
		t.Errorf("metrics:\n%s", text)
	}
	// A call whose body is still on its way when SIGTERM comes is answered.
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: f\r\nContent-Type: application/json\r\nContent-Length: 14\r\nExpect: 100-continue\r\n\r\n")
	line := make([]byte, len("HTTP/1.1 100"))
	if _, err := io.ReadFull(conn, line); err != nil || string(line) != "HTTP/1.1 100" {
		t.Fatalf("%q %v", line, err)
	}
	must(t, "kill", "--signal", "TERM", id)
	for bound := time.Now().Add(time.Minute); !strings.Contains(must(t, "logs", id), "draining"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(bound) {
			t.Fatal("it does not drain")
		}
	}
	io.WriteString(conn, `{"name":"Bea"}`)
	rest, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(rest), "Hello, Bea!") {
		t.Errorf("%q %v", rest, err)
	}
	if code := must(t, "wait", id); code != "0" {
		t.Errorf("exit code %s:\n%s", code, must(t, "logs", id))
	}
}

// asProcess has the process backend run the image that Docker pushed.
func asProcess(t *testing.T, ref string) {
	dir, err := os.MkdirTemp("", "fnp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	kept, err := secrets.Open(filepath.Join(dir, "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	written, err := logs.Open(filepath.Join(dir, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	processes, err := process.Open(process.Config{
		SockDir: filepath.Join(dir, "s"), Secrets: kept, Logs: written,
		Fetch: func(ctx context.Context, ref string) (process.Binary, error) {
			u, err := image.Unpack(ctx, ref, filepath.Join(dir, "unpacked"))
			return process.Binary{Path: u.Binary, Digest: u.Digest, Env: u.Env}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	backend, err := provider.Open(t.Context(), provider.Config{
		Dir: filepath.Join(dir, "functions"), RunDir: filepath.Join(dir, "run"), Secrets: kept, Logs: written,
	}, processes)
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	if err := backend.Deploy(t.Context(), types.FunctionDeployment{Service: "hello", Image: ref}); err != nil {
		t.Fatal(err)
	}
	transport, release, err := backend.Acquire(t.Context(), "hello")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	res, err := (&http.Client{Transport: transport}).Get("http://hello/?name=Cleo")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); !strings.Contains(string(text), "Hello, Cleo!") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(b))
}

func await(t *testing.T, url string, log func() string) {
	t.Helper()
	for bound := time.Now().Add(time.Minute); time.Now().Before(bound); time.Sleep(50 * time.Millisecond) {
		if res, err := http.Get(url); err == nil {
			res.Body.Close()
			if res.StatusCode == 200 {
				return
			}
		}
	}
	t.Fatalf("no 200 from %s; its log:\n%s", url, log())
}
