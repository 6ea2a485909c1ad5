package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openfaas/faas-provider/types"
)

// MaxReplicas bounds the replicas of one function.
const MaxReplicas = 100

// function is one deployed function: the release that serves, and the calls
// that wait for it. What a call touches on its way is atomic; mu orders what
// changes the function.
type function struct {
	p        *Provider
	current  atomic.Pointer[release]
	replicas atomic.Int32 // that there shall be now; 0 while it sleeps
	most     atomic.Int32 // calls at once that these are enough for
	open     atomic.Int64 // calls that run or wait
	peak     atomic.Int64 // the most of them at once since the autoscaler looked
	used     atomic.Int64 // when the last call ended, in Unix nanoseconds
	held     atomic.Int32 // calls that wait for a replica
	exit     atomic.Pointer[exit]

	waits atomic.Bool   // a call waits for a place in a replica
	freed chan struct{} // tells it that there may be one

	mu         sync.Mutex
	rec        record
	scaler     scaler
	changed    chan struct{}  // closed, and made anew, when readiness may have changed
	forceDrain chan struct{}  // closed when the function is: calls that run get no more than the default time
	old        sync.WaitGroup // releases that are being stopped
	trouble    string         // why nothing runs, when nothing can
	closed     bool
}

func newFunction(p *Provider, rec record) *function {
	return &function{p: p, rec: rec, changed: make(chan struct{}), forceDrain: make(chan struct{}), freed: make(chan struct{}, 1)}
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

// writeLine writes a line of the runtime's own into the function's log.
func (f *function) writeLine(name, text string) {
	f.p.cfg.Logs.WriteLine(name, Namespace, "fnstore", text)
}

func (f *function) fail(why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble = why
	f.writeLine(f.rec.Deployment.Service, why)
}

// runs reports whether the function is this deployment already.
func (f *function) runs(d types.FunctionDeployment, img Image) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	// As JSON: what was read back has nil where the caller may have an empty map.
	was, _ := json.Marshal(f.rec.Deployment) // strings, maps and slices of them: cannot fail
	is, _ := json.Marshal(d)
	return f.trouble == "" && f.current.Load() != nil && f.rec.Digest == img.Digest && bytes.Equal(was, is)
}

// roll starts a release. The one before goes on serving until the new one is
// ready, and then finishes what it has begun.
func (f *function) roll(rec record, img Image) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.rec, f.trouble = rec, ""
	name := rec.Deployment.Service
	s, notes, err := scalingOf(rec.Deployment)
	if err != nil { // of a deployment that was taken when the rule was another
		notes = []string{err.Error() + "; the default scaling is used"}
	}
	if _, err := ReadinessOf(rec.Deployment.Annotations); err != nil {
		notes = append(notes, err.Error()+"; the default is used")
	}
	if p := rec.Deployment.EnvProcess; img.IgnoresFprocess && p != "" && p != DefaultFprocess {
		notes = append(notes, fmt.Sprintf("fprocess %q has no effect: the image's program is the function itself, and starts no other", p))
	}
	for _, n := range notes {
		f.writeLine(name, n)
		slog.Warn("a setting of a function", "function", name, "note", n)
	}
	f.scaler = scaler{scaling: s}
	next, err := newRelease(f, rec, img)
	if err != nil {
		f.trouble = err.Error()
		f.writeLine(name, "not started: "+err.Error())
		return
	}
	prev := f.current.Swap(next)
	f.used.Store(time.Now().UnixNano())
	f.setReplicas(rec.Replicas)
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
	f.p.lookSoon()
}

// setReplicas notes how many replicas there shall be. The caller holds mu.
func (f *function) setReplicas(n int) {
	f.replicas.Store(int32(n))
	f.enough(n)
}

// enough notes how many calls these replicas are for: one more asks for more.
func (f *function) enough(n int) {
	most := n * f.scaler.target
	if n >= f.scaler.max || most > 1<<30 {
		most = 1 << 30 // more calls change nothing
	}
	f.most.Store(int32(most))
}

// scale is someone's wish, and remembered. The autoscaler goes on from there.
func (f *function) scale(replicas int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	rec := f.rec
	rec.Replicas = replicas
	if err := rec.save(f.p.cfg.Dir); err != nil {
		return err
	}
	f.rec = rec
	f.scaler.low = time.Time{}
	f.scaleLocked(replicas)
	return nil
}

func (f *function) scaleLocked(replicas int) {
	f.used.Store(time.Now().UnixNano())
	f.setReplicas(replicas)
	if r := f.current.Load(); r != nil {
		r.scale(replicas)
	}
	f.wakeLocked()
	f.p.lookSoon()
}

// scaleFromZero gives a function that sleeps its replicas back.
func (f *function) scaleFromZero() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed && f.replicas.Load() == 0 {
		f.scaleLocked(max(f.scaler.min, 1))
	}
}

func (f *function) refreshSecrets(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.rec.Deployment.Secrets, name) {
		return
	}
	r := f.current.Load()
	if r == nil {
		return
	}
	if err := r.program.Refresh(); err != nil {
		f.writeLine(f.rec.Deployment.Service, fmt.Sprintf("secret %s: %s", name, err))
	}
}

func (f *function) close() {
	f.mu.Lock()
	if !f.closed {
		close(f.forceDrain)
	}
	f.closed = true
	current := f.current.Swap(nil)
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
		Replicas: uint64(f.replicas.Load()), CreatedAt: f.rec.CreatedAt,
	}
	if r := f.current.Load(); r != nil {
		s.AvailableReplicas = uint64(r.ready())
	}
	return s
}
