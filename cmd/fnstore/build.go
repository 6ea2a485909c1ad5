package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"fnstore/runtime/image"
	"fnstore/runtime/stackfile"
)

type buildCmd struct{ selection }

// Run builds every function of the stack file into the running store's
// registry, or into the one that FNSTORE_REGISTRY names.
func (cmd buildCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	if _, err := s.openState(); err != nil {
		return err
	}
	var own string
	if vars, err := readEnv(s.path("env")); err == nil {
		own = vars["FNSTORE_REGISTRY"]
	}
	file, err := s.stackFile(own)
	if err != nil {
		return err
	}
	if err := cmd.pick(file); err != nil {
		return err
	}
	bars := newProgress(out)
	defer bars.wait()
	return buildAll(ctx, file, s, own, bars)
}

// buildAll makes the images of the stack file's functions, as many at a time
// as leaves each of them two processors.
func buildAll(ctx context.Context, file *stackfile.File, s *settings, registry string, bars *progress) error {
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
		r, err := b.Build(ctx, file, jobs[i], tasks[i].now)
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
