package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"fnstore/kit/fault"
)

// file is an entry of a layer; a link when it has one, a folder when its name
// ends in a slash.
type file struct {
	name, text, link string
	kind             byte
}

func layer(t testing.TB, files ...file) v1.Layer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(f.text)), Linkname: f.link}
		switch {
		case f.kind != 0:
			h.Typeflag = f.kind
		case f.link != "":
			h.Typeflag = tar.TypeSymlink
		case strings.HasSuffix(f.name, "/"):
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return static.NewLayer(buf.Bytes(), types.OCIUncompressedLayer)
}

func imageOf(t testing.TB, config v1.Config, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.Config(img, config)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func pushed(t *testing.T, host string, img v1.Image) string {
	t.Helper()
	ref, err := name.NewTag(host + "/made/by-hand:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return ref.Name()
}

// programs are a static program and a dynamic one of this machine.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "program")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	src := filepath.Join(dir, "main.go")
	if err := os.WriteFile(src, []byte("package main\n\nfunc main() { println(\"hello\") }\n"), 0o644); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "p"), src)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GO111MODULE=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	b, err := os.ReadFile(filepath.Join(dir, "p"))
	return string(b), err
})

func program(t *testing.T) string {
	t.Helper()
	p, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func entrypoint(argv ...string) v1.Config { return v1.Config{Entrypoint: argv} }

// What a Dockerfile makes of the same program in some layers more.
func TestImages_OfDockerAreUnpacked(t *testing.T) {
	bin := program(t)
	app := v1.Config{Entrypoint: []string{"./handler"}, WorkingDir: "/home/app", User: "65532:65532", Env: []string{"PATH=/bin", "ZONEINFO=/zoneinfo.zip"}}
	host, _ := serve(t)
	for what, img := range map[string]v1.Image{
		"as our Dockerfile": imageOf(t, app, layer(t, file{name: "etc/"}, file{name: "etc/ssl/certs/ca-certificates.crt", text: "x"}, file{name: "home/app/"},
			file{name: "home/app/handler", text: bin}, file{name: "tmp/"}, file{name: "zoneinfo.zip", text: "zip"})),
		"replaced in a later layer": imageOf(t, app, layer(t, file{name: "home/app/handler", text: "old"}), layer(t, file{name: "./home/app/handler", text: bin})),
		"what came before is whited out": imageOf(t, app, layer(t, file{name: "bin/sh", text: "x"}, file{name: "usr/lib/libc.so", text: "x"}, file{name: "home/app/cache/x", text: "x"}),
			layer(t, file{name: "bin/.wh.sh"}, file{name: "usr/.wh.lib"}, file{name: "home/app/cache/.wh..wh..opq"}, file{name: "home/app/handler", text: bin})),
		"an opaque folder keeps what its own layer adds": imageOf(t, app, layer(t, file{name: "home/app/old", text: "x"}),
			layer(t, file{name: "home/app/handler", text: bin}, file{name: "home/app/.wh..wh..opq"})),
		"removed and made again": imageOf(t, app, layer(t, file{name: "home/app/handler", text: "old"}), layer(t, file{name: "home/app/.wh.handler"}),
			layer(t, file{name: "home/app/handler", text: bin})),
		"behind a symbolic link":   imageOf(t, app, layer(t, file{name: "opt/fn/v1", text: bin}, file{name: "home/app/handler", link: "../../opt/fn/v1"})),
		"in a linked folder":       imageOf(t, app, layer(t, file{name: "srv/handler", text: bin}, file{name: "home/app", link: "/srv"})),
		"a link that climbs out":   imageOf(t, app, layer(t, file{name: "srv/x", text: bin}, file{name: "home/app/handler", link: "../../../../../srv/x"})),
		"behind a hard link":       imageOf(t, app, layer(t, file{name: "etc/x", text: bin}, file{name: "home/app/handler", link: "etc/x", kind: tar.TypeLink})),
		"a folder became a file":   imageOf(t, app, layer(t, file{name: "home/app/handler/a", text: "x"}), layer(t, file{name: "home/app/handler", text: bin})),
		"names that climb are cut": imageOf(t, app, layer(t, file{name: "../../../home/app/handler", text: bin})),
	} {
		dir := t.TempDir()
		u, err := Unpack(t.Context(), pushed(t, host, img), dir)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		want, _ := img.Digest()
		if u.Digest != want.String() || u.User != "65532:65532" || u.Binary != filepath.Join(dir, want.Hex, "handler") || u.Env[0] != "PATH=/bin" {
			t.Errorf("%s: got %+v", what, u)
		}
		if out, err := exec.Command(u.Binary).CombinedOutput(); err != nil || string(out) != "hello\n" {
			t.Errorf("%s: got %q, %v", what, out, err)
		}
	}
}

func TestUnpack_WhatIsMoreThanOneProgramIsRefused(t *testing.T) {
	bin := program(t)
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	wrongArch := []byte(bin)
	wrongArch[18], wrongArch[19] = 0xF3, 0 // e_machine: RISC-V
	if runtime.GOARCH == "riscv64" {
		wrongArch[18] = 0x3E
	}
	app := layer(t, file{name: "app", text: bin})
	host, _ := serve(t)
	for _, c := range []struct {
		what, want string
		docker     bool
		img        v1.Image
	}{
		{"dynamic", "linked dynamically", true, imageOf(t, entrypoint("/app"), layer(t, file{name: "app", text: string(shell)}))},
		{"script", "not a Linux program (no ELF file)", true, imageOf(t, entrypoint("/app"), layer(t, file{name: "app", text: "#!/bin/sh\n"}))},
		{"arguments", "one program without arguments", true, imageOf(t, entrypoint("/app", "serve"), app)},
		{"shell form", "one program without arguments", true, imageOf(t, entrypoint("/bin/sh", "-c", "/app"), app)},
		{"no command", "one program without arguments", true, imageOf(t, entrypoint(), app)},
		{"data beside it", "/home/app/static/index.html", true, imageOf(t, entrypoint("/app"), app, layer(t, file{name: "home/app/static/index.html", text: "x"}))},
		{"watchdog", "/fwatchdog", true, imageOf(t, v1.Config{Cmd: []string{"/app"}}, app, layer(t, file{name: "fwatchdog", text: bin}))},
		{"other machine", "it is for EM_", false, imageOf(t, entrypoint("/app"), layer(t, file{name: "app", text: string(wrongArch)}))},
		{"missing", "is not in the image", false, imageOf(t, entrypoint("/none"), app)},
		{"folder", "is not a file", false, imageOf(t, entrypoint("/d"), layer(t, file{name: "d/"}))},
		{"link in circles", "too many links", false, imageOf(t, entrypoint("/a"), layer(t, file{name: "a", link: "b"}, file{name: "b", link: "a"}))},
		{"link to the host", "is not in the image", false, imageOf(t, entrypoint("/a"), layer(t, file{name: "a", link: "../../../bin/true"}))},
		{"device", "is not a file", false, imageOf(t, entrypoint("/a"), layer(t, file{name: "a", kind: tar.TypeChar}))},
		{"whited out", "is not in the image", false, imageOf(t, entrypoint("/app"), app, layer(t, file{name: ".wh.app"}))},
		{"not a tar", "layer 0", false, imageOf(t, entrypoint("/app"), static.NewLayer([]byte(strings.Repeat("x", 2000)), types.OCIUncompressedLayer))},
	} {
		dir := t.TempDir()
		_, err := Unpack(t.Context(), pushed(t, host, c.img), dir)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrNeedsDocker) != c.docker {
			t.Errorf("%s: got %v", c.what, err)
		}
		if want := map[bool]string{true: "image_needs_docker", false: "image_unfit"}[c.docker]; fault.Of(err).Code != want || fault.Of(err).Cause != nil {
			t.Errorf("%s: a client reads %+v, want %s", c.what, fault.Of(err), want)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left %v", c.what, left)
		}
	}
}

func TestUnpack_ASecondUnpackAsksNobody(t *testing.T) {
	host, _ := serve(t)
	img := imageOf(t, entrypoint("/app"), layer(t, file{name: "app", text: program(t)}))
	dir := t.TempDir()
	first, err := Unpack(t.Context(), pushed(t, host, img), dir)
	if err != nil {
		t.Fatal(err)
	}
	// This name is nobody's: only what is on disk can answer.
	again, err := Unpack(t.Context(), "127.0.0.1:1/gone/image@"+first.Digest, dir)
	if err != nil || again.Binary != first.Binary || again.Digest != first.Digest {
		t.Errorf("got %+v, %v", again, err)
	}
	// A program that was cut short, as by a full disk, is fetched again.
	if err := os.Truncate(first.Binary, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(t.Context(), "127.0.0.1:1/gone/image@"+first.Digest, dir); err == nil {
		t.Error("half a program was given out")
	}
	if _, err := Unpack(t.Context(), host+"/made/by-hand@"+first.Digest, dir); err != nil {
		t.Error(err)
	}
	// Many at once, each finds the whole program.
	dir = t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			u, err := Unpack(t.Context(), host+"/made/by-hand:v1", dir)
			if err != nil {
				t.Error(err)
				return
			}
			if info, err := os.Stat(u.Binary); err != nil || info.Size() != int64(len(program(t))) {
				t.Errorf("got %v, %v", info, err)
			}
		})
	}
	wg.Wait()
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("got %v", left)
	}
}

// An index by tag, as docker buildx pushes it, gives this machine's image.
func TestUnpack_AnIndexGivesThisMachinesImage(t *testing.T) {
	host, _ := serve(t)
	idx := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: imageOf(t, entrypoint("/none"), layer(t, file{name: "x", text: "other"})),
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "s390x"}}},
		mutate.IndexAddendum{Add: imageOf(t, entrypoint("/app"), layer(t, file{name: "app", text: program(t)})),
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: runtime.GOARCH}}})
	ref, err := name.NewTag(host + "/multi:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, idx); err != nil {
		t.Fatal(err)
	}
	u, err := Unpack(t.Context(), ref.Name(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := idx.Digest(); u.Digest != want.String() {
		t.Errorf("got %s, want the index's %s", u.Digest, want)
	}
}

func FuzzFlatten(f *testing.F) {
	for _, files := range [][]file{
		{{name: "app", text: "x"}}, {{name: "../../.wh..wh..opq"}}, {{name: "a", link: "/a/a"}}, {{name: ".wh."}}, {{name: "/"}},
	} {
		rc, err := layer(f, files...).Uncompressed()
		if err != nil {
			f.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b, "/app")
	}
	f.Fuzz(func(t *testing.T, low, high []byte, name string) {
		img := imageOf(t, v1.Config{}, static.NewLayer(low, types.OCIUncompressedLayer), static.NewLayer(high, types.OCIUncompressedLayer))
		tree, err := flatten(img)
		if err != nil {
			return
		}
		at, err := tree.resolve(name)
		if err != nil {
			return
		}
		work, err := tree.workdirOf(path.Dir(at), at)
		if err != nil {
			return
		}
		tree.others(at, work)
		to := filepath.Join(t.TempDir(), "out")
		if err := tree.write(img, at, to, 1<<20, 0o755); err != nil {
			return
		}
		if info, err := os.Stat(to); err != nil || info.Size() != tree.entries[at].size {
			t.Errorf("got %v, %v", info, err)
		}
	})
}
