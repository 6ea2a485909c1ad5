package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"

	"github.com/openfaas/faas-provider/types"
)

type secretCmd struct {
	List   secretListCmd   `cmd:"" help:"List the names of the secrets; a value is never shown."`
	Create secretCreateCmd `cmd:"" help:"Make a secret; its value comes from standard input."`
	Update secretUpdateCmd `cmd:"" help:"Give a secret another value; functions read it from then on, without a restart."`
	Rotate secretRotateCmd `cmd:"" help:"Give a secret that the store made another value, without a failed call."`
	Remove secretRemoveCmd `cmd:"" help:"Remove a secret."`
}

type secretListCmd struct{}

func (secretListCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	var list []types.Secret
	if err := c.get(ctx, "/system/secrets", nil, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME")
	for _, secret := range list {
		fmt.Fprintln(t, secret.Name)
	}
	return t.Flush()
}

// value is where a secret's value comes from. An argument is seen by everyone
// who may list processes, so it must be asked for by name.
type value struct {
	FromFile    string  `xor:"value" help:"Take the value from a file, byte for byte." placeholder:"FILE"`
	FromLiteral *string `xor:"value" help:"Take the value from here; other users of this machine, and the shell's history, can see it." placeholder:"VALUE"`
}

// maxSecret bounds a secret's value, in bytes.
const maxSecret = 1 << 20

// read gives the value. The line break that a terminal or echo adds is not
// part of one that was typed or piped.
func (v value) read(in io.Reader) ([]byte, error) {
	var b []byte
	var err error
	switch {
	case v.FromLiteral != nil:
		b = []byte(*v.FromLiteral)
	case v.FromFile != "":
		f, err := os.Open(v.FromFile)
		if err != nil {
			return nil, fmt.Errorf("read the value: %w", err)
		}
		defer f.Close()
		if b, err = io.ReadAll(io.LimitReader(f, maxSecret+1)); err != nil {
			return nil, fmt.Errorf("read the value: %w", err)
		}
	default:
		if b, err = io.ReadAll(io.LimitReader(in, maxSecret+1)); err != nil {
			return nil, fmt.Errorf("read the value from standard input: %w", err)
		}
		if n := len(b); n > 0 && b[n-1] == '\n' {
			b = b[:n-1]
		}
	}
	switch {
	case len(b) == 0:
		return nil, errors.New("the value is empty")
	case len(b) > maxSecret:
		return nil, fmt.Errorf("the value is longer than %d bytes", maxSecret)
	}
	return b, nil
}

type secretCreateCmd struct {
	Name string `arg:"" help:"Its name; functions ask for it under secrets: in the stack file."`
	value
}

func (cmd secretCreateCmd) Run(ctx context.Context, s *settings, in io.Reader, out io.Writer) error {
	return setSecret(ctx, s, http.MethodPost, cmd.Name, cmd.value, in, out)
}

type secretUpdateCmd struct {
	Name string `arg:"" help:"Its name."`
	value
}

func (cmd secretUpdateCmd) Run(ctx context.Context, s *settings, in io.Reader, out io.Writer) error {
	return setSecret(ctx, s, http.MethodPut, cmd.Name, cmd.value, in, out)
}

func setSecret(ctx context.Context, s *settings, method, name string, v value, in io.Reader, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	b, err := v.read(in)
	if err != nil {
		return err
	}
	if err := c.send(ctx, method, "/system/secrets", types.Secret{Name: name, RawValue: b}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is set, %d bytes.\n", name, len(b))
	return err
}

type secretRemoveCmd struct {
	Names []string `arg:"" name:"name" help:"Names of secrets."`
}

func (cmd secretRemoveCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range cmd.Names {
		if err := c.send(ctx, http.MethodDelete, "/system/secrets", types.Secret{Name: name}); err != nil {
			errs = append(errs, fmt.Errorf("remove %s: %w", name, err))
			continue
		}
		fmt.Fprintf(out, "%s is removed.\n", name)
	}
	return errors.Join(errs...)
}
