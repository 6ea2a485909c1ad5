// Package machines lets other processors run the store's images: those for
// arm64 and arm/v7 answer under an emulator, and an image for several of them
// gives each its own program. It does not know how images are made.
package machines

import (
	"archive/tar"
	"bufio"
	"context"
	"debug/elf"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"fnstore/runtime/image"
	"fnstore/runtime/image/registry"
	"fnstore/runtime/stackfile"
)

const root = "../../.."

// machine is a platform that images are built for.
type machine struct {
	platform string
	kind     elf.Machine
	emulator string // of Debian's qemu-user-static; qemu-user's has no -static
}

var machines = []machine{
	{"linux/amd64", elf.EM_X86_64, "qemu-x86_64-static"},
	{"linux/arm64", elf.EM_AARCH64, "qemu-aarch64-static"},
	{"linux/arm/v7", elf.EM_ARM, "qemu-arm-static"},
}

// shelf is a registry of the test's own and what was built into it.
type shelf struct {
	host string
	work string
	file *stackfile.File
}

func open(t *testing.T) *shelf {
	t.Helper()
	kept, err := registry.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(kept)
	t.Cleanup(server.Close)
	s := &shelf{host: strings.TrimPrefix(server.URL, "http://"), work: t.TempDir()}
	s.file, err = stackfile.Parse(filepath.Join(root, "stack.yml"), func(variable string) (string, bool) {
		if variable == "FNSTORE_REGISTRY" {
			return s.host, true
		}
		return "", false
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// build makes the image of hello for a machine, as fnstore build does.
func (s *shelf) build(t *testing.T, m machine) v1.Image {
	t.Helper()
	// The context is written below the project: here a copy, so that builds of
	// people who work on it are left alone.
	project := filepath.Join(s.work, strings.ReplaceAll(m.platform, "/", "-"))
	for _, part := range []string{"go.mod", "go.sum", "stack.yml", "kit", "template", "functions"} {
		to := filepath.Join(project, part)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cp", "-R", filepath.Join(root, part), to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	b := image.Builder{Root: project, Work: filepath.Join(project, ".work"), Registry: s.host, Platform: m.platform}
	built, err := b.Build(t.Context(), s.file, s.file.Function("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(built.Pinned(), name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// program takes the entry point out of an image.
func program(t *testing.T, img v1.Image) string {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		files, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		for in := tar.NewReader(files); ; {
			h, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if "/"+h.Name != config.Config.Entrypoint[0] {
				continue
			}
			path := filepath.Join(t.TempDir(), "handler")
			out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(out, in)
			if err := errors.Join(err, out.Close()); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	t.Fatalf("the image has no %v", config.Config.Entrypoint)
	return ""
}

// command runs a program of any machine; nil when there is nothing to run it.
func command(t *testing.T, m machine, path string) *exec.Cmd {
	t.Helper()
	if err := exec.Command(path, "-run-healthcheck").Run(); !errors.Is(err, syscall.ENOEXEC) {
		return exec.CommandContext(t.Context(), path) // this machine, or an emulator that the kernel knows
	}
	for _, emulator := range []string{m.emulator, strings.TrimSuffix(m.emulator, "-static")} {
		if at, err := exec.LookPath(emulator); err == nil {
			return exec.CommandContext(t.Context(), at, path)
		}
	}
	return nil
}

// Built on this machine, run on another.
//
// Seed: R6
func TestMachines_ImagesRunOnTheirMachines(t *testing.T) {
	s := open(t)
	index := v1.ImageIndex(empty.Index)
	for _, m := range machines {
		img := s.build(t, m)
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: config.Platform()}})
		runs(t, m, program(t, img))
	}
	together(t, s, index)
}

// runs makes sure that the program starts, answers, writes its log and drains.
func runs(t *testing.T, m machine, path string) {
	t.Helper()
	if e, err := elf.Open(path); err != nil || e.Machine != m.kind {
		t.Fatalf("%s: %v, %v", m.platform, e, err)
	}
	cmd := command(t, m, path)
	if cmd == nil {
		t.Logf("NOT CHECKED: that the image for %s runs, since there is no %s (apt-get install qemu-user-static)", m.platform, m.emulator)
		return
	}
	cmd.Env = []string{"port=0", "metrics_port=0", "TMPDIR=" + t.TempDir()}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewScanner(out)
	_, port, err := net.SplitHostPort(listening(log))
	if err != nil {
		t.Fatalf("%s does not say where it listens: %v", m.platform, err)
	}
	res, err := http.Post("http://127.0.0.1:"+port+"/", "application/json", strings.NewReader(`{"name":"`+m.platform+`"}`))
	if err != nil {
		t.Fatalf("%s: %v", m.platform, err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), "Hello, "+m.platform+"!") {
		t.Errorf("%s: %d %s %v", m.platform, res.StatusCode, body, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	lines := ""
	for log.Scan() {
		lines += log.Text() + "\n"
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(lines, `"status":200`) {
		t.Errorf("%s ended with %v and said %s", m.platform, err, lines)
	}
	t.Logf("%s: %s", m.platform, body)
}

// listening is the address in the function server's first lines.
func listening(log *bufio.Scanner) string {
	for log.Scan() {
		if _, rest, ok := strings.Cut(log.Text(), `"address":"`); ok {
			address, _, _ := strings.Cut(rest, `"`)
			return address
		}
	}
	return ""
}

// together pushes what faas-cli publish does, one name for several machines: the
// store keeps it, and takes the program of its own machine out of it.
func together(t *testing.T, s *shelf, index v1.ImageIndex) {
	t.Helper()
	tag, err := name.NewTag(s.host+"/fnstore/hello:all", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, index); err != nil {
		t.Fatal(err)
	}
	for _, m := range machines {
		p, err := v1.ParsePlatform(m.platform)
		if err != nil {
			t.Fatal(err)
		}
		img, err := remote.Image(tag, remote.WithPlatform(*p))
		if err != nil {
			t.Fatalf("%s: %v", m.platform, err)
		}
		if e, err := elf.Open(program(t, img)); err != nil || e.Machine != m.kind {
			t.Errorf("%s: %v, %v", m.platform, e, err)
		}
	}
	u, err := image.Unpack(context.Background(), tag.String(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	here, err := elf.Open(own)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := elf.Open(u.Binary); err != nil || e.Machine != here.Machine {
		t.Errorf("unpacked for %v, %v, on %v", e, err, here.Machine)
	}
}
