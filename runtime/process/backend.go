// Package process runs functions as processes of this machine: it starts them,
// waits until they are ready, starts them again when they die, and stops them
// with everything they left behind. It does not know what a request is; it
// hands out a way to reach a process that can take one.
package process

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/runtime/logs"
	"fnstore/runtime/secrets"
)

// Namespace is the one namespace, by the name OpenFaaS gives its first.
const Namespace = "openfaas-fn"

// Bounds of the waits here; none is without an end.
const (
	StartTimeout = 30 * time.Second // from exec to the first 200 of /_/ready
	HoldTimeout  = 30 * time.Second // of a call that finds nothing ready
	MaxHeld      = 1000             // calls that wait so for one function
)

// name is what faas-cli, the CE provider and Kubernetes accept (RFC 1123 label).
var name = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Binary is what runs: a static executable of this machine.
type Binary struct {
	Path   string
	Digest string   // of the image it came from
	Env    []string // that the image sets
}

// Config is what a Backend needs.
type Config struct {
	Dir     string // of the records, one JSON file per function
	RunDir  string // of the functions' own folders: secrets, tmp
	SockDir string // of the listeners; short, since a socket's path has 107 bytes
	Secrets *secrets.Store
	Logs    *logs.Store
	// Fetch makes the image's binary ready to run. A ref that names a digest
	// must work without the registry when the binary was fetched before.
	Fetch func(ctx context.Context, ref string) (Binary, error)
	// Unprivileged makes each function run under a user id of its own. It
	// needs root.
	Unprivileged bool
	// Launcher is launch.Self, or another binary that links that package. Without
	// it functions have no walls around them.
	Launcher string
}

// Backend is the functions of this machine. Its methods are safe for
// concurrent use.
type Backend struct {
	cfg   Config
	spawn *spawner
	walls *walls
	slots atomic.Int64 // ever made: two releases of one image need names apart

	look chan struct{} // wakes the autoscaler
	done chan struct{} // closed when the backend is

	mu        sync.Mutex // of changes to what there is
	functions atomic.Pointer[map[string]*function]
	closed    bool
}

// Open starts every function that was deployed before. It returns at once;
// Get tells when one is ready.
func Open(ctx context.Context, cfg Config) (*Backend, error) {
	if err := os.RemoveAll(cfg.RunDir); err != nil { // what a killed store left
		return nil, fmt.Errorf("open process backend: %w", err)
	}
	for _, dir := range []string{cfg.Dir, cfg.RunDir, cfg.SockDir} {
		if err := passable(dir); err != nil {
			return nil, fmt.Errorf("open process backend: %w", err)
		}
	}
	records, err := loadRecords(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open process backend: %w", err)
	}
	b := &Backend{cfg: cfg, spawn: newSpawner(), walls: newWalls(cfg), look: make(chan struct{}, 1), done: make(chan struct{})}
	b.functions.Store(&map[string]*function{})
	go b.autoscale()
	for _, rec := range records {
		f := newFunction(b, rec)
		b.put(rec.Deployment.Service, f)
		bin, err := cfg.Fetch(ctx, rec.pinned())
		if err != nil {
			f.fail(fmt.Sprintf("its image cannot be had: %s", err))
			continue
		}
		f.roll(rec, bin)
	}
	cfg.Secrets.OnChange(b.secretChanged)
	return b, nil
}

// put adds the function, or removes that of the name when f is nil. Calls read
// the map without a lock, so it is replaced and never changed.
func (b *Backend) put(name string, f *function) {
	next := maps.Clone(*b.functions.Load())
	if next[name] = f; f == nil {
		delete(next, name)
	}
	b.functions.Store(&next)
}

// passable makes a folder that everyone may walk through and nobody else list,
// whatever the umask is.
func passable(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	return os.Chmod(dir, 0o711)
}

// Deploy adds a function, or replaces the one of that name. It returns when
// the deployment is written down and its processes are being started.
func (b *Backend) Deploy(ctx context.Context, d types.FunctionDeployment) error {
	if err := b.check(d); err != nil {
		return err
	}
	s, _, err := scalingOf(d)
	if err != nil {
		return err
	}
	if _, err := boundsOf(d); err != nil {
		return err
	}
	bin, err := b.cfg.Fetch(ctx, d.Image)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.deployLocked(d, bin, s)
}

func (b *Backend) deployLocked(d types.FunctionDeployment, bin Binary, s scaling) (err error) {
	if b.closed {
		return fault.New(fault.Unavailable, "stopping", "the store is stopping")
	}
	f := (*b.functions.Load())[d.Service]
	if f != nil && f.runs(d, bin) {
		return nil
	}
	rec := record{Deployment: d, Digest: bin.Digest, Replicas: s.min, CreatedAt: time.Now().UTC()}
	if f != nil {
		old := f.recorded()
		rec.UID, rec.Previous = old.UID, old.remembered(rec)
		// Who deploys wants to see it run, so a function at zero wakes.
		rec.Replicas = max(s.min, min(int(f.replicas.Load()), s.max))
	} else if b.cfg.Unprivileged {
		if rec.UID, err = freeUID(*b.functions.Load()); err != nil {
			return err
		}
	}
	if err := rec.save(b.cfg.Dir); err != nil {
		return err
	}
	if f == nil {
		f = newFunction(b, rec)
		b.put(d.Service, f)
	}
	f.roll(rec, bin)
	return nil
}

func (b *Backend) check(d types.FunctionDeployment) error {
	switch {
	case d.Service == "":
		return fault.New(fault.Invalid, "bad_deployment", "validation failed: service: is required")
	case d.Image == "":
		return fault.New(fault.Invalid, "bad_deployment", "validation failed: image: is required")
	case !name.MatchString(d.Service):
		return fault.New(fault.Invalid, "bad_deployment", "validation failed: service: (%s) is invalid, must be a valid DNS entry", d.Service)
	case d.Namespace != "" && d.Namespace != Namespace:
		return fault.New(fault.Invalid, "bad_namespace", "namespace must be: %s", Namespace)
	}
	for k, v := range d.EnvVars {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.Contains(v, "\x00") {
			return fault.New(fault.Invalid, "bad_deployment", "validation failed: envVars: %q cannot be an environment variable", k)
		}
	}
	return b.cfg.Secrets.Check(d.Secrets)
}

func notFound(name string) error {
	return fault.New(fault.NotFound, "function_not_found", "there is no function %q", name)
}

func (b *Backend) find(name string) (*function, error) {
	f := (*b.functions.Load())[name]
	if f == nil {
		return nil, notFound(name)
	}
	return f, nil
}

// Delete stops the function and forgets it, its log included. It returns when
// no process of it is left.
func (b *Backend) Delete(ctx context.Context, name string) error {
	b.mu.Lock()
	f := (*b.functions.Load())[name]
	if f == nil {
		b.mu.Unlock()
		return notFound(name)
	}
	if err := removeRecord(b.cfg.Dir, name); err != nil {
		b.mu.Unlock()
		return err
	}
	b.put(name, nil)
	b.mu.Unlock()

	f.close()
	if err := os.RemoveAll(filepath.Join(b.cfg.RunDir, name)); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return b.cfg.Logs.Remove(name)
}

// Scale sets how many processes the function shall have.
func (b *Backend) Scale(_ context.Context, name string, replicas int) error {
	if replicas < 0 || replicas > MaxReplicas {
		return fault.New(fault.Invalid, "bad_replicas", "replicas must be between 0 and %d", MaxReplicas)
	}
	f, err := b.find(name)
	if err != nil {
		return err
	}
	return f.scale(replicas)
}

// Get gives one function's status.
func (b *Backend) Get(_ context.Context, name string) (types.FunctionStatus, error) {
	f, err := b.find(name)
	if err != nil {
		return types.FunctionStatus{}, err
	}
	return f.status(), nil
}

// List gives the status of every function, by name.
func (b *Backend) List(context.Context) ([]types.FunctionStatus, error) {
	functions := *b.functions.Load()
	list := make([]types.FunctionStatus, 0, len(functions))
	for _, f := range functions {
		list = append(list, f.status())
	}
	slices.SortFunc(list, func(a, b types.FunctionStatus) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Acquire finds a process that can take a call, waiting for one up to
// HoldTimeout, and counts the call until release is called. The transport
// reaches that process whatever host the request names.
func (b *Backend) Acquire(ctx context.Context, name string) (transport http.RoundTripper, release func(), err error) {
	f, err := b.find(name)
	if err != nil {
		return nil, nil, err
	}
	return f.acquire(ctx)
}

// secretChanged lays the new value out for every function that reads it.
func (b *Backend) secretChanged(name string) {
	for _, f := range *b.functions.Load() {
		f.refreshSecrets(name)
	}
}

// Close stops every function and returns when none of their processes is left.
// The deployments stay written down.
func (b *Backend) Close() {
	b.mu.Lock()
	again := b.closed
	b.closed = true
	b.mu.Unlock()
	if again {
		return
	}
	close(b.done)
	var all sync.WaitGroup
	for _, f := range *b.functions.Load() {
		all.Go(f.close)
	}
	all.Wait()
	b.spawn.close()
	b.walls.close()
}
