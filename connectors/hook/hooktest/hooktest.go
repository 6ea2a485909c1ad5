// Package hooktest is the suite that every connector's source passes. It does
// not know what the events are about.
package hooktest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/connectors/hook"
	"fnstore/kit/queue"
)

// Rig is a source under test.
type Rig struct {
	DB *pgxpool.Pool
	// Open gives one more reader of the source.
	Open func(t *testing.T) hook.Source
	// Trigger has n more events happen. Each one is a message of its own.
	Trigger func(t *testing.T, n int)
}

// Exercise proves what hook promises of the source that open gives: each event
// is written once, by any number of readers and whatever fails between.
func Exercise(t *testing.T, open func(t *testing.T) Rig) {
	t.Run("TwoReaders", func(t *testing.T) {
		rig := open(t)
		defer run(t, rig.DB, rig.Open(t), rig.Open(t))()
		rig.await(t, func() { rig.Trigger(t, 20) }, 20)
		rig.await(t, func() { rig.Trigger(t, 5) }, 25)
	})
	t.Run("FailingCommits", func(t *testing.T) {
		rig := open(t)
		db := &failing{Pool: rig.DB}
		db.fail(3)
		defer run(t, db, rig.Open(t))()
		rig.await(t, func() { rig.Trigger(t, 5) }, 5)
		if db.left() != 0 {
			t.Error("no commit failed, so nothing was shown")
		}
	})
	t.Run("KilledBeforeAcknowledging", func(t *testing.T) {
		rig := open(t)
		first := rig.Open(t)
		if err := first.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		rig.Trigger(t, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		ev, _, err := first.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := hook.Deliver(ctx, rig.DB, first.Name(), ev, nil); err != nil {
			t.Fatal(err)
		}
		_ = first.Close() // without the acknowledgement
		defer run(t, rig.DB, rig.Open(t))()
		rig.await(t, func() { rig.Trigger(t, 1) }, 2)
	})
	t.Run("ReadEndsWithItsContext", func(t *testing.T) {
		rig := open(t)
		src := rig.Open(t)
		if err := src.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { _, _, err := src.Read(ctx); ended <- err }()
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Read ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("Read goes on after its context has ended")
		}
		if err := errors.Join(src.Close(), src.Close()); err != nil {
			t.Errorf("closing twice: %v", err)
		}
	})
}

// run reads the sources until the returned function is called.
func run(t *testing.T, db queue.Beginner, sources ...hook.Source) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, src := range sources {
		all.Go(func() { hook.Run(ctx, db, src, &hook.Metrics{}) })
	}
	return func() { cancel(); all.Wait() }
}

// await triggers and waits until exactly want messages are there, and a moment
// longer, so that one too many is seen.
func (r Rig) await(t *testing.T, trigger func(), want int) {
	t.Helper()
	trigger()
	deadline := time.Now().Add(60 * time.Second)
	for n := r.messages(t); n < want; n = r.messages(t) {
		if time.Now().After(deadline) {
			t.Fatalf("%d messages, want %d", n, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	if n := r.messages(t); n != want {
		t.Fatalf("%d messages, want %d", n, want)
	}
}

// messages counts those for functions; a name with a colon is none.
func (r Rig) messages(t *testing.T) (n int) {
	t.Helper()
	if err := r.DB.QueryRow(t.Context(), `select count(*) from queue.message where fn not like '%:%'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// failing is a pool whose first transactions do not commit.
type failing struct {
	*pgxpool.Pool
	mu sync.Mutex
	n  int
}

func (f *failing) fail(n int) { f.n = n }

func (f *failing) left() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

func (f *failing) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := f.Pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n > 0 {
		f.n--
		return uncommitted{tx}, nil
	}
	return tx, nil
}

// uncommitted is a transaction that the server does not commit.
type uncommitted struct{ pgx.Tx }

func (u uncommitted) Commit(ctx context.Context) error {
	_ = u.Rollback(ctx)
	return errors.New("the connection broke at the commit")
}
