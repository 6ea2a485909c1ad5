// Package docker holds what a function's image must do under a real container
// engine: be built by the template's Dockerfile from the context that faas-cli
// lays out, run with nothing but its own files, be pushed to the project's
// registry and run from there as a process. It does not know what the function
// does beyond one call.
//
// No image is pulled. The compiler's image is made of this machine's own shell
// and Go toolchain, so it works without a way to any registry.
package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// engine is a Docker daemon and the client that belongs to it.
type engine struct {
	client string
	env    []string
	stop   func()
}

// start runs a daemon of its own below dir, with Debian's docker.io or any
// other installation. It needs root.
func start(dir string) (*engine, error) {
	daemon, err := exec.LookPath("dockerd")
	if err != nil {
		return nil, errors.New("no dockerd (apt-get install --no-install-recommends docker.io)")
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("dockerd needs root")
	}
	e := &engine{client: "/usr/bin/docker"} // the package's own; another one in PATH may lack BuildKit
	if _, err := os.Stat(e.client); err != nil {
		if e.client, err = exec.LookPath("docker"); err != nil {
			return nil, err
		}
	}
	socket := "unix://" + filepath.Join(dir, "docker.sock")
	e.env = append(os.Environ(), "DOCKER_HOST="+socket, "DOCKER_BUILDKIT=1", "DOCKER_CONFIG="+filepath.Join(dir, "config"))
	cmd := exec.Command(daemon, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "-H", socket)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	e.stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			cmd.Process.Kill()
		}
	}
	for bound := time.Now().Add(time.Minute); time.Now().Before(bound); time.Sleep(100 * time.Millisecond) {
		if _, err := e.run(nil, "version"); err == nil {
			return e, nil
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("dockerd ended:\n%s", tail(said.String()))
		default:
		}
	}
	e.stop()
	return nil, fmt.Errorf("dockerd does not answer:\n%s", tail(said.String()))
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// run runs the client and gives what it printed.
func (e *engine) run(in io.Reader, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, e.client, args...)
	cmd.Env, cmd.Stdin = e.env, in
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("docker %s: %w\n%s", args[0], err, tail(string(out)))
	}
	return strings.TrimSpace(string(out)), err
}

// tools are what build.sh and the Dockerfile call.
var tools = []string{"sh", "cp", "mkdir", "chmod", "find", "sed", "rm", "dirname", "cat"}

// compiler imports an image with a shell, Go and the CA bundle.
func (e *engine) compiler(tag string) error {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	files := map[string]string{} // in the image, here
	for _, name := range tools {
		path, err := exec.LookPath(name)
		if err != nil {
			return err
		}
		files["bin/"+name] = path
		libraries, err := exec.Command("ldd", path).Output()
		if err != nil {
			continue // static
		}
		for _, word := range strings.Fields(string(libraries)) {
			if filepath.IsAbs(word) {
				files[strings.TrimPrefix(word, "/")] = word
			}
		}
	}
	files["etc/ssl/certs/ca-certificates.crt"] = "/etc/ssl/certs/ca-certificates.crt"
	root := strings.TrimSpace(string(goroot))
	for _, part := range []string{"bin", "lib", "pkg", "src", "go.env", "VERSION"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(at string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(at, "_test.go") || strings.Contains(at, "/testdata/") {
				return err
			}
			files["usr/local/go/"+strings.TrimPrefix(at, root+"/")] = at
			return nil
		})
		if err != nil {
			return err
		}
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(pack(w, files)) }()
	_, err = e.run(r, "import", "--change", "ENV PATH=/bin:/usr/local/go/bin HOME=/root GOTOOLCHAIN=local", "-", tag)
	return err
}

func pack(out io.Writer, files map[string]string) error {
	w := tar.NewWriter(out)
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777})
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "root/", Mode: 0o700})
	for name, from := range files {
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if i, err := os.Stat(from); err == nil {
			mode = int64(i.Mode().Perm())
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(b))}); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Close()
}
