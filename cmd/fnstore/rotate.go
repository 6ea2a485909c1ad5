package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/caller"
	"fnstore/runtime/secrets"
)

type secretRotateCmd struct {
	Name string `arg:"" help:"token-key, or auth-admin."`
}

// Run gives a secret that the store made another value, in an order in which no
// call fails: whoever checks knows the new one before anybody uses it.
func (cmd secretRotateCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	steps, err := rotation(cmd.Name, secrets.Random(), func(name string) (string, error) {
		b, err := os.ReadFile(filepath.Join(s.path("secrets"), name))
		return strings.TrimSpace(string(b)), err
	})
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := c.send(ctx, http.MethodPut, "/system/secrets", types.Secret{Name: step.name, RawValue: []byte(step.value)}); err != nil {
			return fmt.Errorf("set %s: %w", step.name, err)
		}
		fmt.Fprintf(out, "%s is set.\n", step.name)
	}
	return nil
}

// rotationStep gives one secret a value.
type rotationStep struct{ name, value string }

// rotation lists the steps. read gives a secret's value as it is.
func rotation(name, next string, read func(name string) (string, error)) ([]rotationStep, error) {
	switch name {
	case tokenKey:
		old, err := read(tokenKey)
		if err != nil {
			return nil, fmt.Errorf("read %s of this store; run the command where the store runs: %w", tokenKey, err)
		}
		set, err := publicKeys(next, old)
		if err != nil {
			return nil, err
		}
		// Who checks tokens first, then who signs. Tokens of the old key hold
		// until they end; the key goes with the next rotation.
		return []rotationStep{{tokenKeySet, string(set)}, {tokenKeyPrevious, old}, {tokenKey, next}}, nil
	case "auth-admin":
		return []rotationStep{{name, next}}, nil
	case caller.Secret:
		return nil, fmt.Errorf("%s is rotated by hand, see secrets/README.md", name)
	}
	return nil, fmt.Errorf("%s is not a secret that rotates by itself; give it a value with fnstore secret update", name)
}
