package image

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"fnstore/runtime/stackfile"
)

// Builder makes images of the functions of a stack file. It may be used from
// several goroutines, and from several processes.
type Builder struct {
	Root     string   // the project: template/, the handlers, build/
	Work     string   // where it keeps what it remembers, for instance .fnstore/build
	Registry string   // host:port of the registry that takes the images
	Platform string   // linux/arm64, linux/arm/v7; empty is this machine's
	Env      []string // more variables for the build script, as KEY=value

	untagged bool // the image is pushed by its digest alone
}

// Result is a function's image in the registry.
type Result struct {
	Ref        string   // host:port/repository:tag
	Digest     string   // sha256:…
	Cached     bool     // nothing had changed, and the registry still has it
	BinarySize int64    // bytes of the program
	Notes      []string // what a person should know about the image
}

// Pinned is the reference by digest, which means the same image for ever.
func (r Result) Pinned() string {
	return r.Ref[:strings.LastIndex(r.Ref, ":")] + "@" + r.Digest
}

// The stages that Build reports, in their order. A cached build reports
// stageCheck alone.
const (
	stageCheck   = "check"   // inputs are hashed, the registry is asked
	stageCopy    = "copy"    // the build context is written
	stageCompile = "compile" // the template's script runs
	stageImage   = "image"   // layers are made
	stagePush    = "push"    // and sent
)

// Build makes the image of one function and pushes it by tag and digest. When
// nothing that goes into it has changed since the last time, and the registry
// still has that image, it only says so. The error of a failed script holds
// the end of its output; ErrNeedsDocker marks what this way cannot build.
// progress may be nil.
func (b *Builder) Build(ctx context.Context, stack *stackfile.File, fn *stackfile.Function, progress func(stage string)) (Result, error) {
	if progress == nil {
		progress = func(string) {}
	}
	r, err := b.build(ctx, stack, fn, progress)
	if err != nil {
		return r, fmt.Errorf("build %s: %w", fn.Name, err)
	}
	return r, nil
}

func (b *Builder) build(ctx context.Context, stack *stackfile.File, fn *stackfile.Function, progress func(string)) (Result, error) {
	if !stackfile.ValidName(fn.Name) {
		return Result{}, errors.New("not a function's name")
	}
	p, err := platform(b.Platform)
	if err != nil {
		return Result{}, err
	}
	root, err := filepath.Abs(b.Root)
	if err != nil {
		return Result{}, err
	}
	ref, err := Ref(fn.Image, b.Registry)
	if err != nil {
		return Result{}, err
	}
	unlock, err := b.lock(ctx, root, fn.Name)
	if err != nil {
		return Result{}, err
	}
	defer unlock()

	progress(stageCheck)
	context, template, err := plan(root, stack, fn)
	if err != nil {
		return Result{}, err
	}
	env := b.environment(fn, p)
	goID, goroot, err := toolchain()
	if err != nil {
		return Result{}, err
	}
	common, err := readBase(goroot)
	if err != nil {
		return Result{}, err
	}
	key, err := inputs(context, common, goID, p, env)
	if err != nil {
		return Result{}, err
	}
	record := filepath.Join(b.Work, fn.Name+"-"+strings.ReplaceAll(strings.TrimPrefix(p.String(), "linux/"), "/", "")+".json")
	if r, ok := b.cachedBuild(ctx, record, key, ref); ok {
		r.Notes = common.notes
		return r, nil
	}

	progress(stageCopy)
	dir := filepath.Join(root, "build", fn.Name)
	if err := context.write(dir); err != nil {
		return Result{}, fmt.Errorf("make build context: %w", err)
	}
	progress(stageCompile)
	out, err := os.MkdirTemp(b.Work, "out-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(out)
	if out, err = filepath.Abs(filepath.Join(out, "handler")); err != nil {
		return Result{}, err
	}
	if err := run(ctx, dir, out, env); err != nil {
		return Result{}, err
	}
	size, err := checkProgram(out, p.Architecture)
	if err != nil {
		return Result{}, fmt.Errorf("the program that %s made: %w", script, err)
	}
	progress(stageImage)
	img, err := assemble(common, out, filepath.Join(dir, template.HandlerFolder), p)
	if err != nil {
		return Result{}, err
	}
	digest, err := img.Digest()
	if err != nil {
		return Result{}, fmt.Errorf("assemble image: %w", err)
	}
	progress(stagePush)
	r := Result{Ref: ref, Digest: digest.String(), BinarySize: size, Notes: common.notes}
	at := ref
	if b.untagged {
		at = r.Pinned()
	}
	if err := push(ctx, at, img); err != nil {
		return Result{}, err
	}
	return r, saveRecord(record, buildRecord{key, r.Digest, size})
}

// environment is the script's: this machine's, static linking, the build_args,
// the Builder's own, and last what is asked for and not a setting.
func (b *Builder) environment(fn *stackfile.Function, p v1.Platform) []string {
	env := append(machineEnv(), "CGO_ENABLED=0")
	for k, v := range fn.BuildArgs {
		env = append(env, k+"="+v)
	}
	slices.Sort(env[len(env)-len(fn.BuildArgs):])
	env = append(env, b.Env...)
	env = append(env, "GOOS="+p.OS, "GOARCH="+p.Architecture)
	if p.Architecture == "arm" {
		env = append(env, "GOARM="+strings.TrimPrefix(p.Variant, "v"))
	}
	return env
}

// inputs hashes all that goes into an image.
func inputs(context *fileList, common *base, goID string, p v1.Platform, env []string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "1 %s %s %s\n", runtime.Version(), p, goID) // our own Go compresses the layers
	fmt.Fprintf(h, "%q\n", outputVars(env))
	fmt.Fprintf(h, "%x %x\n", sha256.Sum256(common.ca), sha256.Sum256(common.zoneinfo))
	if err := context.hash(h); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func push(ctx context.Context, ref string, img v1.Image) error {
	at, err := name.ParseReference(ref)
	if err != nil {
		return err
	}
	if err := remote.Write(at, img, options(remote.WithContext(ctx))...); err != nil {
		return fmt.Errorf("push %s: %w", ref, err)
	}
	return nil
}
