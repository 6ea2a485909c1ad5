package process

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/runtime/logs"
	"fnstore/runtime/provider"
	"fnstore/runtime/secrets"
)

// The test binary is also the function: FN_MODE says how it behaves.
func TestMain(m *testing.M) {
	if mode := os.Getenv("FN_MODE"); mode != "" {
		behave(mode)
		return
	}
	os.Exit(m.Run())
}

func behave(mode string) {
	switch mode {
	case "crash":
		fmt.Println("no luck today")
		os.Exit(3)
	case "child": // leaves a child behind that ignores what it is told
		child := exec.Command("sh", "-c", "trap '' TERM; while :; do sleep 1; done")
		if err := child.Start(); err != nil {
			panic(err)
		}
	default:
		misbehave(mode)
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/_/ready", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	http.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getenv("VERSION")) })
	http.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(os.Environ()) })
	http.HandleFunc("/uid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getuid()) })
	http.HandleFunc("/secret", func(w http.ResponseWriter, r *http.Request) {
		b, err := os.ReadFile(filepath.Join(os.Getenv("secret_mount_path"), r.FormValue("name")))
		fmt.Fprint(w, string(b), err)
	})
	http.HandleFunc("/say", func(_ http.ResponseWriter, r *http.Request) { fmt.Println(r.FormValue("text")) })
	http.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.EnableFullDuplex()
		fmt.Fprint(w, "begun ")
		_ = c.Flush()
		_, _ = io.Copy(w, r.Body) // until the caller ends it
	})
	hostile()
	fmt.Println("serving")
	_ = http.Serve(l, nil)
}

type rig struct {
	*provider.Provider
	backend   *Backend
	isolation *isolation
	dir       string
	secrets   *secrets.Store
}

// open makes a backend whose images are all this test's binary.
func open(t *testing.T, dir string) *rig {
	t.Helper()
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	vault, err := secrets.Open(filepath.Join(dir, "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	written, err := logs.Open(filepath.Join(dir, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "function")
	if err := exec.Command("install", "-m", "755", self, binary).Run(); err != nil {
		t.Fatal(err)
	}
	b, err := Open(Config{
		SockDir: filepath.Join(dir, "sock"), Secrets: vault, Logs: written, Unprivileged: os.Geteuid() == 0,
		Fetch: func(_ context.Context, ref string) (Binary, error) {
			if strings.Contains(ref, "missing") {
				return Binary{}, fault.New(fault.Invalid, "image_missing", "there is no image %s", ref)
			}
			digest := "sha256:0123456789abcdef"
			if _, d, ok := strings.Cut(ref, "@"); ok {
				digest = d
			}
			if image := filepath.Join(dir, "image"); exists(image) { // one with a working directory
				return Binary{Path: filepath.Join(image, "handler"), Digest: digest, Root: image, Dir: filepath.Join(image, "workdir")}, nil
			}
			return Binary{Path: binary, Digest: digest, IgnoresFprocess: true}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider.Open(t.Context(), provider.Config{
		Dir: filepath.Join(dir, "functions"), RunDir: filepath.Join(dir, "run"), Secrets: vault, Logs: written,
	}, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return &rig{p, b, b.isolation, dir, vault}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// shortDir is a folder whose sockets have short paths and that a function's
// user may enter.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "fn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func deployment(name string, env map[string]string) types.FunctionDeployment {
	if env == nil {
		env = map[string]string{}
	}
	if env["FN_MODE"] == "" {
		env["FN_MODE"] = "serve"
	}
	return types.FunctionDeployment{Service: name, Image: "127.0.0.1:5000/t/" + name + ":dev", EnvVars: env}
}

func (r *rig) deploy(t *testing.T, d types.FunctionDeployment) {
	t.Helper()
	if err := r.Deploy(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) call(ctx context.Context, name, path string, body io.Reader) (string, error) {
	transport, release, err := r.Acquire(ctx, name)
	if err != nil {
		return "", err
	}
	defer release()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://function"+path, body)
	if err != nil {
		return "", err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

func (r *rig) get(t *testing.T, name, path string) string {
	t.Helper()
	s, err := r.call(t.Context(), name, path, nil)
	if err != nil {
		t.Fatalf("call %s%s: %v", name, path, err)
	}
	return s
}

func (r *rig) pid(t *testing.T, name string) int {
	t.Helper()
	pid, err := strconv.Atoi(r.get(t, name, "/pid"))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// gone waits until the process is no more.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}
