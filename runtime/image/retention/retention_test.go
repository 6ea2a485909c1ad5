package retention

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"fnstore/runtime/image/registry"
)

// rig is a registry, a folder of programs, and a keeper that runs.
type rig struct {
	*Keeper
	t      *testing.T
	host   string
	freed  chan Freed
	mu     sync.Mutex
	wanted []string
}

func start(t *testing.T) *rig {
	t.Helper()
	g, err := registry.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	r := &rig{t: t, host: strings.TrimPrefix(srv.URL, "http://"), freed: make(chan Freed, 100)}
	r.Keeper = New(Config{Registry: g, Unpacked: t.TempDir(), Keep: func(context.Context) ([]string, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.wanted, nil
	}})
	r.quiet, r.rest = time.Millisecond, time.Millisecond
	r.after = func(f Freed) { r.freed <- f }
	return r
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	r.t.Cleanup(func() { cancel(); <-done })
}

// version pushes a new image of the tag and unpacks it, so to say.
func (r *rig) version() (digest string) {
	r.t.Helper()
	img, err := random.Image(1000, 1)
	if err != nil {
		r.t.Fatal(err)
	}
	tag, err := name.NewTag(r.host + "/f:dev")
	if err != nil {
		r.t.Fatal(err)
	}
	if err := remote.Write(tag, img); err != nil {
		r.t.Fatal(err)
	}
	hash, err := img.Digest()
	if err != nil {
		r.t.Fatal(err)
	}
	place := filepath.Join(r.cfg.Unpacked, hash.Hex)
	if err := os.Mkdir(place, 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(place, "handler"), make([]byte, 5000), 0o755); err != nil {
		r.t.Fatal(err)
	}
	return hash.String()
}

func (r *rig) has(digest string) (registry, unpacked bool) {
	ref, err := name.NewDigest(r.host + "/f@" + digest)
	if err != nil {
		r.t.Fatal(err)
	}
	_, missing := remote.Head(ref)
	_, none := os.Stat(filepath.Join(r.cfg.Unpacked, strings.TrimPrefix(digest, "sha256:")))
	return missing == nil, none == nil
}

// What is deployed and what may be rolled back to stays in both places; the rest
// goes at the start, and after each change.
func TestRetention_OnlyWhatNobodyWantsGoes(t *testing.T) {
	r := start(t)
	r.grace, r.cfg.Registry.Grace = 0, 0
	var all []string
	for range 8 {
		all = append(all, r.version())
	}
	r.wanted = all[2:]
	r.run()
	f := <-r.freed
	// A manifest, a config and a layer each.
	if f.Manifests != 2 || f.Blobs != 6 || f.Programs != 2 || f.Bytes < 2*6000 {
		t.Errorf("freed at the start: %+v", f)
	}
	r.mu.Lock()
	r.wanted = all[3:]
	r.mu.Unlock()
	r.Changed()
	for f = <-r.freed; f == (Freed{}); f = <-r.freed { // the second look after the start
	}
	if f.Programs != 1 || f.Manifests != 1 {
		t.Errorf("freed after a change: %+v", f)
	}
	for i, digest := range all {
		inRegistry, unpacked := r.has(digest)
		if want := i >= 3; inRegistry != want || unpacked != want {
			t.Errorf("version %d: registry %v, unpacked %v, want %v", i, inRegistry, unpacked, want)
		}
	}
}

// What is young stays, and goes by itself when it is not young any more.
func TestRetention_TheYoungAreLookedAtAgain(t *testing.T) {
	r := start(t)
	old := r.version()
	r.version() // takes its tag
	r.grace, r.cfg.Registry.Grace = time.Hour, time.Hour
	if f, err := r.collect(t.Context()); err != nil || f != (Freed{}) {
		t.Errorf("within the grace: %+v, %v", f, err)
	}
	r.grace, r.cfg.Registry.Grace = 200*time.Millisecond, 200*time.Millisecond
	r.run() // nothing changes from here on
	sum := Freed{}
	for sum.Manifests < 1 || sum.Programs < 1 {
		f := <-r.freed
		sum.Manifests, sum.Programs = sum.Manifests+f.Manifests, sum.Programs+f.Programs
	}
	if inRegistry, unpacked := r.has(old); inRegistry || unpacked {
		t.Errorf("registry %v, unpacked %v", inRegistry, unpacked)
	}
}

// Nothing is collected while somebody pushes.
func TestRetention_APushIsWaitedFor(t *testing.T) {
	r := start(t)
	r.grace, r.cfg.Registry.Grace, r.quiet = 0, 0, time.Hour
	r.version()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan bool)
	go func() { done <- r.awaitQuiet(ctx) }()
	select {
	case <-done:
		t.Error("it did not wait")
	case <-time.After(20 * time.Millisecond): // a moment in which a hasty one would have gone
		cancel()
		if <-done {
			t.Error("it goes on though it was told to stop")
		}
	}
}
