package process

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
)

// MaxReplicas bounds the processes of one function.
const MaxReplicas = 100

// function is one deployed function: the release that serves, and the calls
// that wait for it.
type function struct {
	b    *Backend
	held atomic.Int32

	mu      sync.Mutex
	rec     record
	current *release
	changed chan struct{}  // closed, and made anew, when readiness may have changed
	old     sync.WaitGroup // releases that are being stopped
	trouble string         // why nothing runs, when nothing can
	closed  bool
}

func newFunction(b *Backend, rec record) *function {
	return &function{b: b, rec: rec, changed: make(chan struct{})}
}

func (f *function) recorded() record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rec
}

// wake tells everyone who waits to look again.
func (f *function) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wakeLocked()
}

func (f *function) wakeLocked() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *function) fail(why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble = why
	f.b.cfg.Logs.Say(f.rec.Deployment.Service, Namespace, "fnstore", why)
}

// runs reports whether the function is this deployment already.
func (f *function) runs(d types.FunctionDeployment, bin Binary) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	// As JSON: what was read back has nil where the caller may have an empty map.
	was, _ := json.Marshal(f.rec.Deployment) // strings, maps and slices of them: cannot fail
	is, _ := json.Marshal(d)
	return f.trouble == "" && f.current != nil && f.rec.Digest == bin.Digest && bytes.Equal(was, is)
}

// roll starts a release. The one before goes on serving until the new one is
// ready, and then finishes what it has begun.
func (f *function) roll(rec record, bin Binary) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.rec, f.trouble = rec, ""
	// Its user passes through this folder and owns those below it.
	err := passable(f.b.home(rec))
	if err == nil {
		err = f.b.cfg.Secrets.Project(f.b.secretsDir(rec), rec.Deployment.Secrets, rec.uid())
	}
	if err != nil {
		f.trouble = err.Error()
		f.b.cfg.Logs.Say(rec.Deployment.Service, Namespace, "fnstore", "not started: "+err.Error())
		return
	}
	next := newRelease(f, rec, bin)
	prev := f.current
	f.current = next
	next.scale(rec.Replicas)
	if prev != nil {
		next.before.Store(prev)
		f.old.Go(func() {
			next.awaitReady()
			next.before.Store(nil)
			prev.stop()
		})
	}
	f.wakeLocked()
}

func (f *function) scale(replicas int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	rec := f.rec
	rec.Replicas = replicas
	if err := rec.save(f.b.cfg.Dir); err != nil {
		return err
	}
	f.rec = rec
	if f.current != nil {
		f.current.scale(replicas)
	}
	f.wakeLocked()
	return nil
}

func (f *function) refreshSecrets(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.rec.Deployment.Secrets, name) {
		return
	}
	if err := f.b.cfg.Secrets.Project(f.b.secretsDir(f.rec), f.rec.Deployment.Secrets, f.rec.uid()); err != nil {
		f.b.cfg.Logs.Say(f.rec.Deployment.Service, Namespace, "fnstore", fmt.Sprintf("secret %s: %s", name, err))
	}
}

func (f *function) close() {
	f.mu.Lock()
	f.closed = true
	current := f.current
	f.current = nil
	f.wakeLocked()
	f.mu.Unlock()
	if current != nil {
		current.stop()
	}
	f.old.Wait()
}

func (f *function) status() types.FunctionStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.rec.Deployment
	s := types.FunctionStatus{
		Name: d.Service, Image: d.Image, Namespace: Namespace, EnvProcess: d.EnvProcess, EnvVars: d.EnvVars,
		Constraints: d.Constraints, Secrets: d.Secrets, Labels: d.Labels, Annotations: d.Annotations,
		Limits: d.Limits, Requests: d.Requests, ReadOnlyRootFilesystem: d.ReadOnlyRootFilesystem,
		Replicas: uint64(f.rec.Replicas), CreatedAt: f.rec.CreatedAt,
	}
	if f.current != nil {
		s.AvailableReplicas = uint64(f.current.ready())
	}
	return s
}

// acquire takes the ready process with the fewest calls, or waits for one.
func (f *function) acquire(ctx context.Context) (http.RoundTripper, func(), error) {
	if p, ok := f.pick(); ok {
		return p.transport, p.done, nil
	}
	if f.held.Add(1) > MaxHeld {
		f.held.Add(-1)
		return nil, nil, fault.New(fault.Unavailable, "too_many_held", "too many calls wait for this function to start")
	}
	defer f.held.Add(-1)
	if f.recorded().Replicas == 0 {
		if err := f.scale(1); err != nil {
			return nil, nil, err
		}
	}
	late := time.NewTimer(HoldTimeout)
	defer late.Stop()
	for {
		f.mu.Lock()
		changed, closed := f.changed, f.closed
		f.mu.Unlock()
		if closed {
			return nil, nil, fault.New(fault.Unavailable, "function_stopping", "the function is being stopped")
		}
		if p, ok := f.pick(); ok {
			return p.transport, p.done, nil
		}
		select {
		case <-changed:
		case <-late.C:
			return nil, nil, fault.New(fault.Unavailable, "function_not_ready", "the function did not become ready: see its log")
		case <-ctx.Done():
			return nil, nil, fault.New(fault.Timeout, "function_not_ready", "the function did not become ready in time").Because(ctx.Err())
		}
	}
}

func (f *function) pick() (*instance, bool) {
	f.mu.Lock()
	r := f.current
	f.mu.Unlock()
	if r == nil {
		return nil, false
	}
	return r.pick()
}
