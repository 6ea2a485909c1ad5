package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"fnstore/runtime/image"
	"fnstore/runtime/stackfile"
)

type buildCmd struct {
	selection
	Platform string `help:"Platforms, with commas between them, such as linux/amd64,linux/arm64,linux/arm/v7; without it those that the stack file names, else this machine's." placeholder:"LIST"`
	Self     bool   `help:"Build an image of fnstore itself too, as fnstore/fnstore."`
	Archive  string `help:"Write an image of fnstore itself to this file, for docker load; it runs functions with --backend docker." placeholder:"FILE"`
}

// Run builds every function of the stack file into the store's registry, or
// into the one that FNSTORE_REGISTRY names. Several platforms become one tag.
func (cmd buildCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	if _, err := s.openState(); err != nil {
		return err
	}
	if cmd.Archive != "" {
		if err := archive(cmd.Archive); err != nil {
			return err
		}
	}
	own, done, err := s.registry(ctx)
	if err != nil {
		return err
	}
	defer done()
	if cmd.Self {
		host := own
		if host == "" {
			host = os.Getenv("FNSTORE_REGISTRY")
		}
		if err := publishSelf(ctx, host); err != nil {
			return err
		}
	}
	file, err := s.stackFile(own)
	if err != nil {
		return err
	}
	if err := cmd.pick(file); err != nil {
		return err
	}
	for _, fn := range file.Functions {
		if cmd.Platform != "" {
			fn.Platforms = cmd.Platform
		}
	}
	bars := newProgress(out)
	defer bars.wait()
	return buildEach(ctx, file, s, own, bars, true)
}

// buildAll makes the images of the stack file's functions for this machine.
func buildAll(ctx context.Context, file *stackfile.File, s *settings, registry string, bars *progress) error {
	return buildEach(ctx, file, s, registry, bars, false)
}

// buildEach makes the images, as many at a time as leaves each of them two
// processors; with everywhere, for each platform that a function names.
func buildEach(ctx context.Context, file *stackfile.File, s *settings, registry string, bars *progress, everywhere bool) error {
	if err := addTemplates(ctx, file, bars.say); err != nil {
		return err
	}
	var jobs []*stackfile.Function
	for _, fn := range file.Functions {
		if !fn.SkipBuild {
			jobs = append(jobs, fn)
		}
	}
	b := &image.Builder{Root: file.Dir, Work: s.path("build"), Registry: registry}
	tasks := make([]*task, len(jobs))
	for i, fn := range jobs {
		tasks[i] = bars.task("build "+fn.Name, 5)
	}
	errs := make([]error, len(jobs))
	build := func(i int) {
		r, err := buildOne(ctx, b, file, jobs[i], tasks[i].now, everywhere)
		note := "unchanged"
		if !r.Cached {
			note = fmt.Sprintf("%.1f MB", float64(r.BinarySize)/1e6)
		}
		errs[i] = err
		tasks[i].done(note, err)
	}
	turns := make(chan struct{}, max(1, runtime.NumCPU()/2))
	var all sync.WaitGroup
	for i := range jobs {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			build(i)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func buildOne(ctx context.Context, b *image.Builder, file *stackfile.File, fn *stackfile.Function, now func(string), everywhere bool) (image.Result, error) {
	platforms, err := image.Platforms(fn.Platforms)
	switch {
	case err != nil:
		return image.Result{}, fmt.Errorf("build %s: %w", fn.Name, err)
	case everywhere && len(platforms) > 0:
		return b.BuildIndex(ctx, file, fn, platforms, now)
	}
	return b.Build(ctx, file, fn, now)
}
