// Package process runs functions as processes of this machine: it starts them in
// sandboxes, hands each its listener socket, and stops them with everything they
// left behind. It does not know how many there shall be, nor what a call is.
package process

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/logs"
	"fnstore/runtime/provider"
	"fnstore/runtime/secrets"
)

// Binary is a static executable for this machine.
type Binary struct {
	Path   string
	Digest string   // of the image it came from
	Env    []string // that the image sets

	Root            string // folder of all that the image holds, which it may read and run; empty: the Path alone
	Dir             string // that it starts in, read-only; empty: its own folder
	IgnoresFprocess bool   // it is known not to read fprocess
}

// readable is what of the image the process may read and run.
func (b Binary) readable() string {
	if b.Root != "" {
		return b.Root
	}
	return b.Path
}

// workingDir is where the process starts; own is its own folder.
func (b Binary) workingDir(own string) string {
	if b.Dir != "" {
		return b.Dir
	}
	return own
}

// Config is what a Backend needs.
type Config struct {
	SockDir string // of the listener sockets; short, since a socket's path has 107 bytes
	Secrets *secrets.Store
	Logs    *logs.Store
	// Fetch makes the image's binary ready to run. A ref that names a digest
	// must work without the registry when the binary was fetched before.
	Fetch func(ctx context.Context, ref string) (Binary, error)
	// Unprivileged makes each function run under a user id of its own. It
	// needs root.
	Unprivileged bool
}

// Backend runs functions as processes. It is a provider.Backend, and safe for
// concurrent use.
type Backend struct {
	cfg       Config
	isolation *isolation
	listeners atomic.Int64 // ever made
	sandboxes atomic.Int64 // ever made
}

// Open makes a Backend and finds out how this machine can isolate functions.
// What it cannot enforce is a warning in the log.
func Open(cfg Config) (*Backend, error) {
	if err := makePassable(cfg.SockDir); err != nil {
		return nil, fmt.Errorf("open process backend: %w", err)
	}
	return &Backend{cfg: cfg, isolation: newIsolation(cfg.Unprivileged)}, nil
}

// makePassable makes a folder that everyone may pass through and nobody else
// list, whatever the umask is.
func makePassable(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	return os.Chmod(dir, 0o711)
}

// Check refuses nothing: what a process cannot be given is a warning of Open.
func (b *Backend) Check(types.FunctionDeployment) error { return nil }

// Users reports whether each function runs under a user id of its own.
func (b *Backend) Users() bool { return b.cfg.Unprivileged }

// Fetch makes the image's binary ready to run.
func (b *Backend) Fetch(ctx context.Context, ref string) (provider.Image, error) {
	bin, err := b.cfg.Fetch(ctx, ref)
	return provider.Image{Digest: bin.Digest, Of: bin, IgnoresFprocess: bin.IgnoresFprocess}, err
}

// Prepare lays out the function's secrets.
func (b *Backend) Prepare(s provider.Spec) (provider.Program, error) {
	p := &program{b: b, spec: s, binary: s.Image.Of.(Binary)}
	if err := makePassable(s.Home); err != nil { // its user passes through it and owns what is below
		return nil, err
	}
	return p, p.Refresh()
}

// Close gives back what the backend has.
func (b *Backend) Close() { b.isolation.groups.Close() }
