package image

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func pull(t *testing.T, ref string) v1.Image {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(r)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Build, keep, take out again, and run: no container engine anywhere.
//
// Seed: R2
func TestBuild_UnpackRun(t *testing.T) {
	root, f := tiny(t)
	host, _ := serve(t)
	b := builder(t, root, host)
	var stages []string
	r, err := b.Build(t.Context(), f, f.Functions[0], func(s string) { stages = append(stages, s) })
	if err != nil {
		t.Fatal(err)
	}
	if r.Ref != host+"/tiny/hello:dev" || r.Cached || r.BinarySize < 100_000 {
		t.Errorf("got %+v", r)
	}
	if want := []string{stageCheck, stageCopy, stageCompile, stageImage, stagePush}; !slices.Equal(stages, want) {
		t.Errorf("got stages %v", stages)
	}
	for _, ref := range []string{r.Ref, r.Pinned()} {
		u, err := Unpack(t.Context(), ref, filepath.Join(root, "unpacked"))
		if err != nil {
			t.Fatal(err)
		}
		if u.Digest != r.Digest || u.User != "65532:65532" {
			t.Errorf("got %+v", u)
		}
		out, err := exec.Command(u.Binary).CombinedOutput()
		if err != nil || string(out) != "hello\n" {
			t.Errorf("got %q, %v", out, err)
		}
	}
	config, err := pull(t, r.Ref).ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := config.Config
	if !slices.Equal(c.Entrypoint, []string{"/home/app/handler"}) || c.User != "65532:65532" || c.WorkingDir != "/home/app" ||
		config.OS != "linux" || len(c.ExposedPorts) != 1 || config.Created.Unix() != 0 {
		t.Errorf("got %+v", config)
	}
}

func TestBuild_UnchangedInputsBuildNothing(t *testing.T) {
	root, f := tiny(t)
	host, _ := serve(t)
	b := builder(t, root, host)
	build := func(what string, cached bool) Result {
		t.Helper()
		before := 0
		if cached {
			before = runs(t)
		}
		r, err := b.Build(t.Context(), f, f.Functions[0], nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if r.Cached != cached || cached && runs(t) != before {
			t.Errorf("%s: cached is %v, want %v", what, r.Cached, cached)
		}
		return r
	}
	first := build("first", false)
	build("second", true)
	// Same bytes at another time.
	if err := os.Chtimes(filepath.Join(root, "fn/main.go"), epoch, epoch); err != nil {
		t.Fatal(err)
	}
	build("touched", true)
	// A tag that was moved or lost comes back without a build.
	f.Functions[0].Image = "tiny/hello:other"
	if r := build("another tag", true); r.Digest != first.Digest {
		t.Errorf("got %s, want %s", r.Digest, first.Digest)
	}
	pull(t, host+"/tiny/hello:other")
	// Each of these goes into the image.
	write(t, filepath.Join(root, "fn/handler.go"), "package main\n\nfunc run() { println(\"other\") }\n")
	if build("handler", false).Digest == first.Digest {
		t.Error("another program has the same digest")
	}
	write(t, filepath.Join(root, "go.mod"), "module tiny2\n\ngo 1.26\n")
	build("copied file", false)
	write(t, filepath.Join(root, "template/tiny/extra"), "x")
	build("template", false)
	f.Functions[0].BuildArgs = map[string]string{"GOFLAGS": "-tags=x"}
	build("build arg", false)
	if err := os.Chmod(filepath.Join(root, "fn/main.go"), 0o755); err != nil {
		t.Fatal(err)
	}
	build("mode", false)
	// A registry that has lost the image gets it again.
	b.Registry, _ = serve(t)
	build("other registry", false)
	pull(t, b.Registry+"/tiny/hello:other")
}

// Another folder, another cache, another registry: the same digest. And what
// functions have in common is one layer for all of them.
func TestBuild_TwoBuildsAreEqualByteForByte(t *testing.T) {
	layers := func(img v1.Image) (digests []string, bytesOf [][]byte) {
		list, err := img.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			d, err := l.Digest()
			if err != nil {
				t.Fatal(err)
			}
			rc, err := l.Compressed()
			if err != nil {
				t.Fatal(err)
			}
			var buf bytes.Buffer
			if _, err := buf.ReadFrom(rc); err != nil {
				t.Fatal(err)
			}
			digests, bytesOf = append(digests, d.String()), append(bytesOf, buf.Bytes())
		}
		return digests, bytesOf
	}
	var manifests, firsts [][]byte
	for range 2 {
		root, f := tiny(t)
		host, _ := serve(t)
		b := builder(t, root, host)
		r, err := b.Build(t.Context(), f, f.Functions[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		img := pull(t, r.Ref)
		m, err := img.RawManifest()
		if err != nil {
			t.Fatal(err)
		}
		d1, c1 := layers(img)
		manifests, firsts = append(manifests, m), append(firsts, bytes.Join(c1, nil))
		write(t, filepath.Join(root, "fn/handler.go"), "package main\n\nfunc run() {}\n")
		other, err := b.Build(t.Context(), f, f.Functions[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		if d2, _ := layers(pull(t, other.Ref)); len(d1) != 2 || len(d2) != 2 || d1[0] != d2[0] || d1[1] == d2[1] {
			t.Errorf("layers of two functions: %v, %v", d1, d2)
		}
	}
	if !bytes.Equal(manifests[0], manifests[1]) || !bytes.Equal(firsts[0], firsts[1]) {
		t.Errorf("got\n%s\n%s", manifests[0], manifests[1])
	}
}

// Seed: R6
func TestBuild_EveryPlatformIsBuilt(t *testing.T) {
	root, f := tiny(t)
	host, _ := serve(t)
	for platform, machine := range map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64, "linux/arm/v7": elf.EM_ARM} {
		b := builder(t, root, host)
		b.Platform = platform
		r, err := b.Build(t.Context(), f, f.Functions[0], nil)
		if err != nil {
			t.Fatalf("%s: %v", platform, err)
		}
		img := pull(t, r.Ref)
		config, err := img.ConfigFile()
		if err != nil || config.Platform().String() != platform {
			t.Errorf("%s: got %v, %v", platform, config.Platform(), err)
		}
		tree, err := flatten(img)
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "handler")
		if err := tree.write(img, handlerPath, out, maxProgram, 0o755); err != nil {
			t.Fatal(err)
		}
		e, err := elf.Open(out)
		if err != nil || e.Machine != machine {
			t.Errorf("%s: got %v, %v", platform, e.Machine, err)
		}
		_, err = Unpack(t.Context(), r.Ref, t.TempDir())
		if here, _ := checkProgram(out, "amd64"); (here > 0) != (err == nil) && config.Architecture != "amd64" {
			t.Errorf("%s on this machine: got %v", platform, err)
		}
	}
	b := builder(t, root, host)
	b.Platform = "windows/amd64"
	if _, err := b.Build(t.Context(), f, f.Functions[0], nil); err == nil {
		t.Error("windows was built")
	}
}

// One tag for several machines; a second build finds everything as it was, and
// what the first one pushed has no tag of its own.
//
// Seed: R6
func TestBuild_OneIndexForEveryPlatform(t *testing.T) {
	root, f := tiny(t)
	host, _ := serve(t)
	b := builder(t, root, host)
	platforms, err := Platforms("linux/amd64, linux/arm64,linux/arm,linux/arm/v7")
	if err != nil || len(platforms) != 3 {
		t.Fatalf("%q, %v", platforms, err)
	}
	r, err := b.BuildIndex(t.Context(), f, f.Functions[0], platforms, nil)
	if err != nil || r.Cached {
		t.Fatalf("%+v, %v", r, err)
	}
	tag, err := name.NewTag(r.Ref)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(tag)
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil || len(m.Manifests) != len(platforms) {
		t.Fatalf("%+v, %v", m, err)
	}
	for i, d := range m.Manifests {
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if config, err := img.ConfigFile(); err != nil || d.Platform.String() != platforms[i] || config.Platform().String() != platforms[i] {
			t.Errorf("%v: %+v, %v", platforms[i], d.Platform, err)
		}
	}
	if tags, err := remote.List(tag.Context()); err != nil || len(tags) != 1 {
		t.Errorf("tags %q, %v", tags, err)
	}
	again, err := b.BuildIndex(t.Context(), f, f.Functions[0], platforms, nil)
	if err != nil || !again.Cached || again.Digest != r.Digest {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := Platforms("linux/amd64,plan9/amd64"); err == nil {
		t.Error("plan9 was taken")
	}
}

func TestBuild_ACompilerErrorReachesTheUser(t *testing.T) {
	root, f := tiny(t)
	host, _ := serve(t)
	write(t, filepath.Join(root, "fn/handler.go"), "package main\n\nfunc run() { undefinedThing() }\n")
	_, err := builder(t, root, host).Build(t.Context(), f, f.Functions[0], nil)
	if err == nil || !strings.Contains(err.Error(), "build hello: build.sh: exit status 1") || !strings.Contains(err.Error(), "handler.go:3:14: undefined: undefinedThing") {
		t.Errorf("got %v", err)
	}
	write(t, filepath.Join(root, "template/tiny/build.sh"), "seq 1000; printf '#!/bin/sh\\n' > $1\n")
	_, err = builder(t, root, host).Build(t.Context(), f, f.Functions[0], nil)
	if err == nil || !strings.Contains(err.Error(), "not a Linux program") {
		t.Errorf("a script that makes a script: got %v", err)
	}
	write(t, filepath.Join(root, "template/tiny/build.sh"), "seq 1000; exit 3\n")
	_, err = builder(t, root, host).Build(t.Context(), f, f.Functions[0], nil)
	if err == nil || strings.Count(err.Error(), "\n") != tailLines || !strings.HasSuffix(err.Error(), "\n1000") {
		t.Errorf("the end of a long output: got %v", err)
	}
}

// A build that is given up takes its children along.
func TestBuild_ACancelledBuildEndsWhatItStarted(t *testing.T) {
	root, f := tiny(t)
	host, _ := serve(t)
	fifo := filepath.Join(root, "fifo")
	if out, err := exec.Command("mkfifo", fifo).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	// The grandchild holds the fifo open for as long as it lives.
	write(t, filepath.Join(root, "template/tiny/build.sh"), "sh -c 'exec sleep 1000 > "+fifo+"' & wait\n")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := builder(t, root, host).Build(ctx, f, f.Functions[0], nil)
		done <- err
	}()
	r, err := os.Open(fifo) // opens when the grandchild is there
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil { // ends when nobody holds the other side
		t.Errorf("got %d, %v", n, err)
	}
}

func TestBuild_ABuildSeesNoSecretsOfTheStore(t *testing.T) {
	root, f := tiny(t)
	host, _ := serve(t)
	t.Setenv("POSTGRES_URL", "postgres://secret")
	f.Functions[0].BuildArgs = map[string]string{"MINE": "yes", "CGO_ENABLED": "1"}
	write(t, filepath.Join(root, "template/tiny/build.sh"), "env; exit 1\n")
	_, err := builder(t, root, host).Build(t.Context(), f, f.Functions[0], nil)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{"MINE=yes", "CGO_ENABLED=1", "GOOS=linux", "GOARCH="} {
		if err != nil && !strings.Contains(err.Error(), "\n"+want) {
			t.Errorf("%s is missing in %v", want, err)
		}
	}
}

func TestBuild_Ref(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:5000/fnstore/hello:dev": "127.0.0.1:5999/fnstore/hello:dev",
		"localhost:5000/fnstore/hello":     "127.0.0.1:5999/fnstore/hello:latest",
		"me/hello:1":                       "127.0.0.1:5999/me/hello:1",
		"hello":                            "127.0.0.1:5999/library/hello:latest",
		"ghcr.io/me/hello:1":               "127.0.0.1:5999/ghcr.io/me/hello:1",
		"h.example:8443/me/hello:1":        "127.0.0.1:5999/h.example-8443/me/hello:1",
		"Not An Image":                     "error",
	} {
		got, err := Ref(in, "127.0.0.1:5999")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestBuild_PlainHTTPStaysOnThisMachine(t *testing.T) {
	for url, want := range map[string]bool{
		"http://127.0.0.1:5000/v2/": true, "http://[::1]:5000/v2/": true, "http://localhost/v2/": true, "https://example.com/v2/": true,
		"http://10.0.0.1:5000/v2/": false, "http://registry.local/v2/": false, "http://localhost.example.com:1/v2/": false,
	} {
		reached := false
		req, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = guard{roundTrip(func() { reached = true })}.RoundTrip(req)
		if reached != want || (err == nil) != want {
			t.Errorf("%s: reached %v, %v", url, reached, err)
		}
	}
}

type roundTrip func()

func (f roundTrip) RoundTrip(*http.Request) (*http.Response, error) { f(); return nil, nil }
