// Package actors puts functions into a store that do what a test asks of them:
// probe, which has the function server that every function of the house has,
// and rogue, which has none and does what no function should. It does not know
// what is asked of them.
package actors

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"fnstore/tests/storetest"
)

// Stage is a store with the images of the actors in its registry.
type Stage struct {
	*storetest.Store
	Probe, Rogue string // refs of the images
}

// Set compiles the actors and pushes their images to the store.
func Set(s *storetest.Store) (*Stage, error) {
	dir, err := os.MkdirTemp("", "actors-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	st := &Stage{Store: s}
	here := filepath.Join(s.Root, "tests/chaos/actors/testdata")
	probe, rogue := filepath.Join(dir, "probe"), filepath.Join(dir, "rogue")
	context := filepath.Join(dir, "context")
	for _, step := range []struct {
		in   string
		args []string
	}{
		{s.Root, []string{"cp", "-R", "template/golang-middleware", context}},
		{s.Root, []string{"sh", "-c", `rm -rf "$1"/function && cp -R "$2" "$1"/function`, "sh", context, filepath.Join(here, "probe")}},
		{context, []string{"sh", "build.sh", probe}},
		{s.Root, []string{"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", rogue, "./tests/chaos/actors/testdata/rogue"}},
	} {
		cmd := exec.Command(step.args[0], step.args[1:]...)
		cmd.Dir, cmd.Env = step.in, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("make the actors: %v: %w: %s", step.args, err, out)
		}
	}
	if st.Probe, err = push(s.Env["FNSTORE_REGISTRY"], "probe", probe); err != nil {
		return nil, err
	}
	st.Rogue, err = push(s.Env["FNSTORE_REGISTRY"], "rogue", rogue)
	return st, err
}

// Address is the gateway's host:port.
func (st *Stage) Address() string { return strings.TrimPrefix(st.URL, "http://") }
