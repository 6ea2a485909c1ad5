// Package retention gives back the disk of images that nobody can ask for any
// more: what is deployed stays, what a rollback may bring back stays, what has
// a tag stays, and what was pushed, built or started lately. It does not know
// what is deployed; it asks.
package retention

import (
	"context"
	"log/slog"
	"time"

	"fnstore/runtime/image"
	"fnstore/runtime/image/registry"
)

// Times and bounds.
const (
	Grace = time.Hour   // what is younger stays: its deployment may be on the way
	quiet = time.Minute // without a push, before a collection begins
	rest  = time.Second // between two parts of a long one
	most  = 1000        // folders in one part; the registry has a bound of its own
)

// Config says what is collected.
type Config struct {
	Registry *registry.Registry
	Unpacked string // the folder that image.Unpack was given
	SQL      string // the folder that image.SQL was given; may be empty
	// Keep gives the digests of all that runs or may be rolled back to.
	Keep func(context.Context) ([]string, error)
	Log  *slog.Logger
}

// Keeper collects in the background. While nothing is deployed it sleeps.
type Keeper struct {
	cfg                Config
	grace, quiet, rest time.Duration
	changed            chan struct{}
	after              func(Freed) // a test hears of every collection
}

// New makes a Keeper; Run makes it work.
func New(cfg Config) *Keeper {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Keeper{cfg: cfg, grace: Grace, quiet: quiet, rest: rest, changed: make(chan struct{}, 1), after: func(Freed) {}}
}

// Changed tells that something was deployed or removed. It never waits.
func (k *Keeper) Changed() {
	select {
	case k.changed <- struct{}{}:
	default: // it has been told
	}
}

// Run collects now, after each change, and once more when what was too young
// then is not any more; until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	k.Changed()
	again := time.NewTimer(0)
	again.Stop()
	defer again.Stop()
	for {
		select {
		case <-k.changed:
			again.Reset(k.grace + k.quiet)
		case <-again.C:
		case <-ctx.Done():
			return
		}
		if !k.awaitQuiet(ctx) {
			return
		}
		freed, err := k.collect(ctx)
		if err != nil && ctx.Err() == nil {
			k.cfg.Log.Error("could not collect images", "cause", err)
		}
		if freed != (Freed{}) {
			k.cfg.Log.Info("collected images", "manifests", freed.Manifests, "blobs", freed.Blobs, "programs", freed.Programs, "bytes", freed.Bytes)
		}
		k.after(freed)
	}
}

// awaitQuiet returns when nobody has pushed for a while, or false at the end.
func (k *Keeper) awaitQuiet(ctx context.Context) bool {
	for {
		left := k.quiet - k.cfg.Registry.Quiet()
		if left <= 0 {
			return ctx.Err() == nil
		}
		if !pause(ctx, left) {
			return false
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Freed counts what a collection removed.
type Freed struct {
	Manifests, Blobs int   // in the registry
	Programs         int   // unpacked
	Bytes            int64 // of all
}

// collect removes what nobody can ask for, in parts: while one is removed, those
// who push wait.
func (k *Keeper) collect(ctx context.Context) (all Freed, err error) {
	for {
		keep, err := k.cfg.Keep(ctx)
		if err != nil {
			return all, err
		}
		wanted := make(map[string]bool, len(keep))
		for _, digest := range keep {
			wanted[digest] = true
		}
		programs, size, err := image.Sweep(k.cfg.Unpacked, wanted, k.grace, most)
		all.Programs, all.Bytes = all.Programs+programs, all.Bytes+size
		if err != nil {
			return all, err
		}
		_, size, err = image.Sweep(k.cfg.SQL, wanted, k.grace, most)
		if all.Bytes += size; err != nil {
			return all, err
		}
		c, err := k.cfg.Registry.Collect(keep...)
		all.Manifests, all.Blobs, all.Bytes = all.Manifests+c.Manifests, all.Blobs+c.Blobs, all.Bytes+c.Bytes
		if err != nil || !c.More && programs < most {
			return all, err
		}
		if !pause(ctx, k.rest) || !k.awaitQuiet(ctx) {
			return all, ctx.Err()
		}
	}
}
