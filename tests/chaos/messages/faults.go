package messages

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"fnstore/kit/failpoint"
	"fnstore/kit/queue/deadletter"
	"fnstore/kit/queue/lease"
)

// rig is a queue with its nodes, its network, its database and its functions.
type rig struct {
	db    *database
	net   *proxy
	nodes []*node
	fns   *receiver
	rand  *rand.Rand // of the faults' goroutine alone

	stopped sync.WaitGroup // nodes that stand still

}

// fault is one way in which things break.
type fault struct {
	name string
	do   func(context.Context, *rig) error
}

// faults are all of them. Each returns when the parts run again, which is not yet
// when all is well again.
var faults = []fault{
	{"kill", killNode},
	{"at " + failpoint.Inserted, at(failpoint.Inserted)},
	{"at " + failpoint.Leased, at(failpoint.Leased)},
	{"at " + failpoint.Answered, at(failpoint.Answered)},
	{"at " + failpoint.Finished, at(failpoint.Finished)},
	{"at " + failpoint.Burying, at(failpoint.Burying)},
	{"at " + failpoint.Resent, resend},
	{"cut", func(_ context.Context, r *rig) error { r.net.cut(); return nil }},
	{"cut in commit", func(ctx context.Context, r *rig) error { r.net.commits.Store(1); return r.awaitCut(ctx) }},
	{"cut of answers", func(ctx context.Context, r *rig) error { r.net.answers.Store(3); return r.awaitCut(ctx) }},
	{"stalled network", func(_ context.Context, r *rig) error {
		r.net.stalled.Store(true)
		time.Sleep(2 * time.Second)
		r.net.stalled.Store(false)
		return nil
	}},
	{"restart of postgres", func(ctx context.Context, r *rig) error { return r.db.restart(ctx) }},
	{"crash of postgres", func(ctx context.Context, r *rig) error { return r.db.crash(ctx) }},
	{"stopped worker", stopNode},
	{"outage of functions", func(_ context.Context, r *rig) error {
		r.fns.outage.Store(true)
		time.Sleep(time.Second)
		r.fns.outage.Store(false)
		return nil
	}},
}

// diskFull needs a disk of the database's own.
var diskFull = fault{"full disk", func(ctx context.Context, r *rig) error { return r.db.fill(ctx, time.Second) }}

func (r *rig) any() *node { return r.nodes[r.rand.IntN(len(r.nodes))] }

func killNode(_ context.Context, r *rig) error {
	n := r.any()
	n.kill()
	r.fns.killed(n.name)
	return n.start("")
}

// at has a node end at a step. All get the chance; the first one to come there
// takes it, and the others are started anew.
func at(step string) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error { return endAt(ctx, r, step, nil) }
}

func endAt(ctx context.Context, r *rig, step string, cause func() error) error {
	r.stopped.Wait()
	for _, n := range r.nodes {
		n.kill()
		r.fns.killed(n.name)
		if err := n.start(step); err != nil {
			return err
		}
	}
	if cause != nil {
		if err := cause(); err != nil {
			return err
		}
	}
	var err error
	select {
	case <-r.nodes[0].done():
	case <-r.nodes[1].done():
	case <-r.nodes[2].done():
	case <-ctx.Done():
		err = fmt.Errorf("no node came to the step %q: %w", step, ctx.Err())
	}
	for _, n := range r.nodes {
		n.kill()
		r.fns.killed(n.name)
		err = errors.Join(err, n.start(""))
	}
	return err
}

// resend sends all dead letters again, and ends the worker that does it.
func resend(ctx context.Context, r *rig) error {
	return endAt(ctx, r, failpoint.Resent, func() error {
		_, err := deadletter.Start(ctx, r.db.pool, deadletter.Retry, deadletter.Filter{}, deadletter.MaxRate)
		return err
	})
}

// stopNode has a node stand still, in the middle of calls, until its leases have
// ended and others have its messages, and go on then. Other faults happen meanwhile.
func stopNode(_ context.Context, r *rig) error {
	r.stopped.Wait()
	n := r.any()
	r.fns.hang.Store(n.name)
	time.Sleep(300 * time.Millisecond)
	n.signal(syscall.SIGSTOP)
	r.fns.hang.Store("")
	r.stopped.Go(func() {
		time.Sleep(lease.Duration + 2500*time.Millisecond)
		n.signal(syscall.SIGCONT)
	})
	return nil
}

func (r *rig) awaitCut(ctx context.Context) error {
	before := r.net.cuts.Load()
	for r.net.cuts.Load() == before {
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing was cut: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}
