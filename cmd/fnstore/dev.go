package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fnstore/runtime/image"
	"fnstore/runtime/provider"
	"fnstore/runtime/stackfile"
)

type devCmd struct {
	Function string `arg:"" help:"Its name in the stack file."`
}

// Run compiles a function at every save and rolls it out to the store that
// runs: the program goes straight into the cache of unpacked images, with no
// layers and no registry, since what takes a second must not take three. The
// checks of a build (go vet, tests, gofmt) come with fnstore deploy. While the
// source does not compile, the version before goes on serving.
func (cmd devCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	if err := s.readState(); err != nil {
		return err
	}
	d, err := newDevSession(ctx, s, cmd.Function, out)
	if err != nil {
		return err
	}
	defer d.close()
	for {
		seen := d.watched.snapshot()
		began := time.Now()
		switch took, err := d.build(ctx); {
		case ctx.Err() != nil:
			fmt.Fprintf(out, "\n%s runs as you left it; fnstore deploy %s builds, checks and deploys it, and fnstore rollback %s brings back what ran before.\n", cmd.Function, cmd.Function, cmd.Function)
			return nil
		case err != nil:
			fmt.Fprintf(out, "%s %v\n", time.Now().Format("15:04:05"), err)
		default:
			fmt.Fprintf(out, "%s %s serves at %s after %.2f s (compiled in %.2f s)\n", time.Now().Format("15:04:05"), cmd.Function,
				d.client.base+"/function/"+cmd.Function, time.Since(began).Seconds(), took.Seconds())
			seen = d.rewatch(ctx, seen)
		}
		d.watched.await(ctx, seen)
	}
}

// devSession compiles one function at each save and deploys it.
type devSession struct {
	set      *settings
	name     string
	own      string // the store's registry
	client   *client
	compiler *compiler
	watched  watch
	placed   []string // folders of the last versions, oldest first
}

func newDevSession(ctx context.Context, s *settings, name string, out io.Writer) (*devSession, error) {
	c, vars, err := newLocalClient(s)
	if err != nil {
		return nil, err
	}
	if vars["FNSTORE_BACKEND"] == "docker" {
		return nil, errors.New("this store runs functions as containers, which need an image for each edit: use fnstore deploy, or a store with --backend process")
	}
	s.follow(vars)
	d := &devSession{set: s, name: name, own: vars["FNSTORE_REGISTRY"], client: c}
	fn, file, err := d.function()
	if err != nil {
		return nil, err
	}
	file.Functions = []*stackfile.Function{fn}
	if err := addTemplates(ctx, file, func(text string) { fmt.Fprintln(out, " ", text) }); err != nil {
		return nil, err
	}
	if d.compiler, err = newCompiler(ctx, file.Dir, fn, s.path("dev", name)); err != nil {
		return nil, err
	}
	d.watched = d.all(ctx)
	return d, nil
}

// all is everything that the function is made from.
func (d *devSession) all(ctx context.Context) watch {
	w := d.compiler.sources(ctx)
	w.files = append(w.files, d.set.Stack)
	return w
}

// rewatch looks at other places from now on, since an import may be new, unless
// something was saved since it was seen. The order makes sure of that: what is
// saved before the second look shows in the first places, and what is saved
// after it in the other ones.
func (d *devSession) rewatch(ctx context.Context, seen uint64) uint64 {
	next := d.all(ctx)
	mark := next.snapshot()
	if d.watched.snapshot() != seen {
		return seen
	}
	d.watched = next
	return mark
}

func (d *devSession) close() { d.compiler.close() }

// function reads the stack file anew: its settings are part of what is tried.
func (d *devSession) function() (*stackfile.Function, *stackfile.File, error) {
	file, err := d.set.stackFile(d.own)
	if err != nil {
		return nil, nil, err
	}
	fn := file.Function(d.name)
	if fn == nil {
		return nil, nil, fmt.Errorf("the stack file has no function %q; fnstore new %s makes one", d.name, d.name)
	}
	return fn, file, nil
}

// build takes what is in the files now to where it serves, and tells how long
// the compiler took.
func (d *devSession) build(ctx context.Context) (time.Duration, error) {
	fn, file, err := d.function()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	program, err := d.compiler.compile(ctx)
	took := time.Since(began)
	if err != nil {
		return took, err
	}
	digest, err := image.Install(program, d.compiler.static(), d.set.path("unpacked"))
	if err != nil {
		return took, err
	}
	deployment, err := fn.Deployment(file.Dir)
	if err != nil {
		return took, err
	}
	ref, err := image.Ref(fn.Image, d.own)
	if err != nil {
		return took, err
	}
	if err := image.InstallSQL(filepath.Join(file.Dir, fn.Handler), d.set.path("sql"), digest); err != nil {
		return took, err
	}
	deployment.Image = ref[:strings.LastIndex(ref, ":")] + "@" + digest
	(*deployment.Annotations)[provider.DevAnnotation] = "true" // not a version to go back to
	if err := d.client.deploy(ctx, deployment); err != nil {
		return took, err
	}
	return took, d.forget(filepath.Join(d.set.path("unpacked"), strings.TrimPrefix(digest, "sha256:")))
}

// maxPrograms is how many of the last programs stay on disk: the current one, and
// the one before, whose processes may still be ending.
const maxPrograms = 2

// forget removes programs that are not used any more.
func (d *devSession) forget(place string) error {
	for i, p := range d.placed {
		if p == place { // an edit that was taken back
			d.placed = append(d.placed[:i], d.placed[i+1:]...)
			break
		}
	}
	d.placed = append(d.placed, place)
	var errs []error
	for len(d.placed) > maxPrograms {
		errs = append(errs, os.RemoveAll(d.placed[0]))
		d.placed = d.placed[1:]
	}
	return errors.Join(errs...)
}
