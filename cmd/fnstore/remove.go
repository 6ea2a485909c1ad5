package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/openfaas/faas-provider/types"
)

type removeCmd struct {
	Functions []string `arg:"" name:"function" help:"Names of functions."`
}

// Run removes each function and goes on after one that cannot be removed.
func (cmd removeCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range cmd.Functions {
		err := c.send(ctx, http.MethodDelete, "/system/functions", types.DeleteFunctionRequest{FunctionName: name})
		if err != nil {
			errs = append(errs, fmt.Errorf("remove %s: %w", name, err))
			continue
		}
		fmt.Fprintf(out, "%s is removed; fnstore deploy brings it back.\n", name)
	}
	return errors.Join(errs...)
}
