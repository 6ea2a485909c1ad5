package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/image"
	"fnstore/runtime/provider"
	"fnstore/runtime/stackfile"
)

type deployCmd struct {
	selection
	Names     []string `arg:"" optional:"" name:"function" help:"Only these functions."`
	SkipBuild bool     `help:"Deploy the images that are there."`
}

// Run builds functions of the stack file and deploys them to the store that
// runs. What served before serves until the new one is ready, so no call fails.
func (cmd deployCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, vars, err := newLocalClient(s)
	if err != nil {
		return err
	}
	if err := s.readState(); err != nil {
		return err
	}
	s.follow(vars)
	own := vars["FNSTORE_REGISTRY"]
	file, err := s.stackFile(own)
	if err != nil {
		return err
	}
	if err := errors.Join(cmd.pick(file), only(file, cmd.Names)); err != nil {
		return err
	}
	if err := addTemplates(ctx, file, func(text string) { fmt.Fprintln(out, " ", text) }); err != nil {
		return err
	}
	for _, w := range warnings(file) {
		fmt.Fprintf(out, "warning: %s:%s\n", s.Stack, w)
	}
	if !cmd.SkipBuild {
		bars := newProgress(out)
		err := buildAll(ctx, file, s, own, bars)
		bars.wait()
		if err != nil {
			return err
		}
	}
	var errs []error
	for _, fn := range file.Functions {
		if err := cmd.roll(ctx, c, file, fn, own); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(out, "%s serves at %s/function/%s\n", fn.Name, c.base, fn.Name)
	}
	return errors.Join(errs...)
}

// warnings are what the file says in vain: unknown keys, and an fprocess for an
// image whose program is the function itself.
func warnings(file *stackfile.File) []stackfile.Warning {
	list := slices.Clone(file.Warnings)
	for _, fn := range file.Functions {
		if fn.Fprocess == "" || fn.Fprocess == provider.DefaultFprocess || fn.Lang == "" {
			continue
		}
		t, err := stackfile.ReadTemplate(file.Dir, fn.Lang)
		if err == nil && t.HasServer() {
			list = append(list, stackfile.Warning{Line: fn.Line, Column: fn.Column,
				Text: fmt.Sprintf("functions.%s.fprocess %q has no effect: a program of template %s is the function itself, and starts no other", fn.Name, fn.Fprocess, fn.Lang)})
		}
	}
	return list
}

// only leaves in the file the functions of these names; all without a name.
func only(file *stackfile.File, names []string) error {
	if len(names) == 0 {
		return nil
	}
	var list []*stackfile.Function
	for _, name := range names {
		fn := file.Function(name)
		if fn == nil {
			return fmt.Errorf("the stack file has no function %q", name)
		}
		list = append(list, fn)
	}
	file.Functions = list
	return nil
}

func (cmd deployCmd) roll(ctx context.Context, c *client, file *stackfile.File, fn *stackfile.Function, own string) error {
	d, err := fn.Deployment(file.Dir)
	if err != nil {
		return err
	}
	if !cmd.SkipBuild && !fn.SkipBuild {
		// What was built is where we put it, whatever host the image names.
		if d.Image, err = image.Ref(fn.Image, own); err != nil {
			return err
		}
	}
	return c.deploy(ctx, d)
}

// function gives a function's status.
func (c *client) function(ctx context.Context, name string) (f types.FunctionStatus, err error) {
	err = c.get(ctx, "/system/function/"+name, nil, &f)
	return f, err
}

// deploy hands a deployment to the gateway and returns when it can serve.
func (c *client) deploy(ctx context.Context, d types.FunctionDeployment) error {
	err := c.send(ctx, http.MethodPut, "/system/functions", d)
	if status, ok := errors.AsType[*statusError](err); ok && status.code == http.StatusNotFound {
		err = c.send(ctx, http.MethodPost, "/system/functions", d) // a new one
	}
	if err != nil {
		return fmt.Errorf("deploy %s: %w", d.Service, err)
	}
	return c.awaitReady(ctx, d.Service)
}

// awaitReady waits as long as the function's start may take. A function at zero
// is ready: the next call starts it.
func (c *client) awaitReady(ctx context.Context, name string) error {
	began := time.Now()
	for {
		f, err := c.function(ctx, name)
		if err != nil {
			return err
		}
		if f.AvailableReplicas > 0 || f.Replicas == 0 {
			return nil
		}
		how, _ := provider.ReadinessOf(f.Annotations) // the gateway has accepted it
		if time.Since(began) > how.Limit() {
			return fmt.Errorf("%s is deployed and not ready after %s; fnstore logs %s may say why", name, how.Limit(), name)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
