package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
	"fnstore/runtime/gateway"
	"fnstore/runtime/provision"
	"fnstore/runtime/secrets"
)

type secretRotateCmd struct {
	Name string `arg:"" help:"FUNCTION-pg, FUNCTION-redis, FUNCTION-s3, event-key, token-key, or auth-admin."`
}

// Run has the store give a secret that it made another value.
func (cmd secretRotateCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	if err := c.send(ctx, http.MethodPost, "/system/secrets/"+cmd.Name+"/rotate", nil); err != nil {
		return fmt.Errorf("rotate %s: %w", cmd.Name, err)
	}
	fmt.Fprintf(out, "%s has another value.\n", cmd.Name)
	return nil
}

// rotator gives secrets that the store made other values, in an order in which
// no call fails: whoever checks knows the new one before anybody uses it, and
// the old one holds for as long as calls may still have it.
type rotator struct {
	vault *secrets.Store
	needs *provision.Set
}

// routes are the rotator's, for the operator.
func (r rotator) routes() []gateway.Route {
	return []gateway.Route{{Pattern: "POST /system/secrets/{name}/rotate", Serve: func(w http.ResponseWriter, req *http.Request) error {
		if err := r.rotate(req.Context(), req.PathValue("name")); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}}}
}

func (r rotator) rotate(ctx context.Context, name string) error {
	if r.needs.Owns(name) {
		return r.needs.Rotate(ctx, name)
	}
	steps, err := rotation(name, secrets.Random(), func(name string) (string, error) {
		b, err := r.vault.Read(name)
		return strings.TrimSpace(string(b)), err
	})
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := r.vault.Put(step.name, []byte(step.value)); err != nil {
			return err
		}
	}
	return nil
}

// rotationStep gives one secret a value.
type rotationStep struct{ name, value string }

// rotation lists the steps. read gives a secret's value as it is.
func rotation(name, next string, read func(name string) (string, error)) ([]rotationStep, error) {
	old, err := read(name)
	if !slices.Contains(rotatable, name) {
		return nil, fault.New(fault.NotFound, "secret_not_rotatable", "%q is not a secret that rotates by itself; give it a value with fnstore secret update", name)
	}
	if err != nil {
		return nil, err
	}
	switch name {
	case tokenKey:
		set, err := publicKeys(next, old)
		if err != nil {
			return nil, err
		}
		// Who checks tokens first, then who signs. Tokens of the old key hold
		// until they end; the key goes with the next rotation.
		return []rotationStep{{tokenKeySet, string(set)}, {tokenKeyPrevious, old}, {tokenKey, next}}, nil
	case caller.Secret:
		// The first key signs and all are accepted. The old one goes later, see
		// endEventKey.
		keys := caller.Keys(old)
		if len(keys) != 1 {
			return nil, fault.New(fault.Conflict, "secret_rotating", "the key before of %q still holds: try again after %s", name, eventKeyOverlap)
		}
		return []rotationStep{{name, old + "\n" + next}, {name, next + "\n" + old}}, nil
	}
	return []rotationStep{{name, next}}, nil
}

// rotatable are the secrets that rotate beside those of functions' needs.
var rotatable = []string{tokenKey, caller.Secret, "auth-admin"}

// eventKeyOverlap is how long the event key before is accepted: longer than a
// signature holds, so that a replay of a call ends with the same answer.
const eventKeyOverlap = 2 * caller.Tolerance

// endEventKeys takes the event key before away when its time is over, until ctx
// ends. The time begins anew with the store.
func (r rotator) endEventKeys(ctx context.Context, interval, overlap time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var since time.Time // when two keys were seen first
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			b, err := r.vault.Read(caller.Secret)
			keys := caller.Keys(string(b))
			switch {
			case err != nil || len(keys) < 2:
				since = time.Time{}
			case since.IsZero():
				since = now
			case now.Sub(since) >= overlap:
				if err := r.vault.Put(caller.Secret, []byte(keys[0])); err != nil {
					slog.Error("the event key before still holds", "cause", err)
				}
			}
		}
	}
}
