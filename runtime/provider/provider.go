// Package provider keeps the functions of this machine: which version of each,
// how many replicas, and which replica takes a call. It does not know what a
// replica is; a Backend starts one.
package provider

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
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
	HoldTimeout = 30 * time.Second // of a call that finds nothing ready
	maxWaiting  = 1000             // calls that wait so for one function
)

// Config is what a Provider needs.
type Config struct {
	Dir     string // of the records, one JSON file per function
	RunDir  string // of the functions' own folders; empty at every start
	Secrets *secrets.Store
	Logs    *logs.Store
	Needs   Needs // may be nil
}

// Provider is the functions of this machine. Its methods are safe for
// concurrent use.
type Provider struct {
	cfg     Config
	backend Backend
	slots   atomic.Int64 // ever made: two releases of one image need names apart

	look chan struct{} // wakes the autoscaler
	done chan struct{} // closed when the provider is

	needs     sync.Mutex // of changes to what functions need; taken before mu
	mu        sync.Mutex // of changes to what there is
	functions atomic.Pointer[map[string]*function]
	closed    bool
}

// Open starts every function that was deployed before. It returns at once;
// Get tells when one is ready. The backend is closed with the provider, or when
// Open fails.
func Open(ctx context.Context, cfg Config, backend Backend) (_ *Provider, err error) {
	defer func() {
		if err != nil {
			backend.Close()
			err = fmt.Errorf("open the functions: %w", err)
		}
	}()
	if err := os.RemoveAll(cfg.RunDir); err != nil { // what a killed store left
		return nil, err
	}
	for _, dir := range []string{cfg.Dir, cfg.RunDir} {
		if err := passable(dir); err != nil {
			return nil, err
		}
	}
	records, err := loadRecords(cfg.Dir)
	if err != nil {
		return nil, err
	}
	for _, rec := range records {
		if !backend.Users() || rec.UID != 0 {
			continue
		}
		// It was deployed without root, or to another backend.
		if rec.UID, err = freeUID(records); err != nil {
			return nil, err
		}
		if err := rec.save(cfg.Dir); err != nil {
			return nil, err
		}
	}
	p := &Provider{cfg: cfg, backend: backend, look: make(chan struct{}, 1), done: make(chan struct{})}
	p.functions.Store(&map[string]*function{})
	go p.autoscale()
	for _, rec := range records {
		f := newFunction(p, *rec)
		p.put(rec.Deployment.Service, f)
		img, err := backend.Fetch(ctx, rec.pinned())
		if err != nil {
			f.fail(fmt.Sprintf("its image cannot be had: %s", err))
			continue
		}
		p.provideAgain(ctx, f, *rec)
		if err := backend.Check(rec.Deployment); err != nil { // it was taken when the backend was another
			f.fail(err.Error())
			continue
		}
		f.roll(*rec, img)
	}
	cfg.Secrets.OnChange(p.secretChanged)
	return p, nil
}

// put adds the function, or removes that of the name when f is nil. Calls read
// the map without a lock, so it is replaced and never changed.
func (p *Provider) put(name string, f *function) {
	next := maps.Clone(*p.functions.Load())
	if next[name] = f; f == nil {
		delete(next, name)
	}
	p.functions.Store(&next)
}

// passable makes a folder that everyone may walk through and nobody else list,
// whatever the umask is.
func passable(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	return os.Chmod(dir, 0o711)
}

func notFound(name string) error {
	return fault.New(fault.NotFound, "function_not_found", "there is no function %q", name)
}

func (p *Provider) find(name string) (*function, error) {
	f := (*p.functions.Load())[name]
	if f == nil {
		return nil, notFound(name)
	}
	return f, nil
}

// Scale sets how many replicas the function shall have.
func (p *Provider) Scale(_ context.Context, name string, replicas int) error {
	if replicas < 0 || replicas > MaxReplicas {
		return fault.New(fault.Invalid, "bad_replicas", "replicas must be between 0 and %d", MaxReplicas)
	}
	f, err := p.find(name)
	if err != nil {
		return err
	}
	return f.scale(replicas)
}

// Get gives one function's status.
func (p *Provider) Get(_ context.Context, name string) (types.FunctionStatus, error) {
	f, err := p.find(name)
	if err != nil {
		return types.FunctionStatus{}, err
	}
	return f.status(), nil
}

// List gives the status of every function, by name.
func (p *Provider) List(context.Context) ([]types.FunctionStatus, error) {
	functions := *p.functions.Load()
	list := make([]types.FunctionStatus, 0, len(functions))
	for _, f := range functions {
		list = append(list, f.status())
	}
	slices.SortFunc(list, func(a, b types.FunctionStatus) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Acquire finds a replica that can take a call, waiting for one up to
// HoldTimeout, and counts the call until release is called. The transport
// reaches that replica whatever host the request names.
func (p *Provider) Acquire(ctx context.Context, name string) (transport http.RoundTripper, release func(), err error) {
	f, err := p.find(name)
	if err != nil {
		return nil, nil, err
	}
	return f.acquire(ctx)
}

// records gives what is remembered of every function.
func (p *Provider) records() (list []*record) {
	for _, f := range *p.functions.Load() {
		rec := f.recorded()
		list = append(list, &rec)
	}
	return list
}

// secretChanged lays the new value out for every function that reads it.
func (p *Provider) secretChanged(name string) {
	for _, f := range *p.functions.Load() {
		f.refreshSecrets(name)
	}
}

// Close stops every function and returns when none of their replicas is left.
// The deployments stay written down.
func (p *Provider) Close() {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	if again {
		return
	}
	close(p.done)
	var all sync.WaitGroup
	for _, f := range *p.functions.Load() {
		all.Go(f.close)
	}
	all.Wait()
	p.backend.Close()
}
