package delivery

import (
	"context"
	"slices"
	"time"

	"fnstore/kit/queue"
	"fnstore/kit/queue/circuit"
	"fnstore/kit/queue/lease"
)

// every runs f now and then every d until ctx ends.
func every(ctx context.Context, d time.Duration, f func(context.Context)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		f(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// renewLoop renews leases for as long as any is held, and sleeps while none is.
func (d *Delivery) renewLoop(ctx context.Context) {
	for {
		select {
		case <-d.holds:
		case <-ctx.Done():
			return
		}
		for !d.idle() && ctx.Err() == nil {
			pause(ctx, heartbeat)
			d.renew(ctx)
		}
	}
}

// renew prolongs every lease that is held and cuts off the attempts whose lease
// is someone else's by now.
func (d *Delivery) renew(ctx context.Context) {
	d.mu.Lock()
	keys := make([]lease.Key, 0, len(d.held))
	for k := range d.held {
		keys = append(keys, k)
	}
	d.mu.Unlock()
	if len(keys) == 0 {
		return
	}
	lost, err := d.queue.Renew(ctx, keys)
	if err != nil {
		d.log.Warn("could not renew leases", "cause", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range lost {
		if a := d.held[k]; a != nil {
			d.log.Warn("a lease was lost", "function", a.Function, "call_id", a.CallID)
			a.cancel(errLeaseLost)
		}
	}
}

func (d *Delivery) maintain(ctx context.Context) {
	if err := d.queue.Maintain(ctx, lease.DefaultKeep); err != nil && ctx.Err() == nil {
		d.log.Warn("could not maintain the queue", "cause", err)
	}
	tell(d.unused)
}

// deleteBodies deletes bodies from the object store when messages that had one
// are done, and what an earlier worker left.
func (d *Delivery) deleteBodies(ctx context.Context) {
	if d.cfg.Bodies == nil {
		return
	}
	for {
		select {
		case <-d.unused:
		case <-ctx.Done():
			return
		}
		if _, err := d.queue.DeleteBodies(ctx, d.cfg.Bodies); err != nil && ctx.Err() == nil {
			d.log.Warn("could not delete bodies", "cause", err)
		}
	}
}

// Outcomes are written in batches: whatever came while the last batch was being
// written, or within batchWait of the first.
const (
	maxBatch  = 500
	batchWait = 2 * time.Millisecond
)

// finishLoop writes outcomes until finished is closed and none is left. A slot
// is free again only when its outcome is durable, so a slow database slows the
// claims and never piles up work.
func (d *Delivery) finishLoop(finished <-chan struct{}) {
	for {
		select {
		case o := <-d.done:
			d.finish(d.collect(o))
		case <-finished:
			return
		}
	}
}

func (d *Delivery) collect(first outcome) []outcome {
	batch := []outcome{first}
	timer := time.NewTimer(batchWait)
	defer timer.Stop()
	for len(batch) < maxBatch {
		select {
		case o := <-d.done:
			batch = append(batch, o)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

// finish writes a batch, and tries again while the database is away: the leases
// may be lost meanwhile, and then the fence refuses what is late.
func (d *Delivery) finish(batch []outcome) {
	var ends []lease.Outcome
	var unused []lease.Key
	told := false // and so there may be a message about it
	sent := false // and so somebody may wait for what was sent
	for _, o := range batch {
		if o.release {
			unused = append(unused, o.Key)
			continue
		}
		if o.Verdict != lease.Retry {
			o.Answer = o.attempt.answer
		}
		told = told || o.Verdict == lease.Dead || o.Answer != nil
		sent = sent || len(o.Sends) > 0
		ends = append(ends, o.Outcome)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*lease.Duration)
	defer cancel()
	for ctx.Err() == nil {
		refused, later, err := d.queue.FinishSome(ctx, ends)
		if err == nil {
			err = d.queue.Release(ctx, unused)
		}
		if err == nil {
			batch = d.postpone(batch, later)
			err = d.circuits(ctx, batch)
		}
		if err == nil {
			if told && d.cfg.Ended != nil {
				d.Announce()
			}
			if sent {
				if err := queue.Notify(ctx, d.pool); err != nil { // connectors, which are no workers
					d.log.Debug("could not notify", "cause", err)
				}
			}
			for _, k := range refused {
				d.log.Warn("an answer came after its lease was lost; another attempt decides", "message", k.ID)
			}
			break
		}
		d.log.Warn("could not write outcomes", "cause", err, "messages", len(batch))
		pause(ctx, rejoin)
	}
	d.forget(batch)
}

// busyGroup is the pause before an outcome is written again whose group somebody
// was adding to. Its lease is renewed meanwhile.
const busyGroup = 100 * time.Millisecond

// postpone puts outcomes off and gives the rest of the batch. A worker that stops
// waits for no group: the lease ends, and the message runs again.
func (d *Delivery) postpone(batch []outcome, later []lease.Outcome) []outcome {
	if len(later) == 0 || d.stopping.Load() {
		return batch
	}
	busy := make(map[lease.Key]bool, len(later))
	for _, o := range later {
		busy[o.Key] = true
	}
	return slices.DeleteFunc(batch, func(o outcome) bool {
		if o.release || !busy[o.Key] {
			return false
		}
		time.AfterFunc(busyGroup, func() { d.done <- o })
		return true
	})
}

// circuits opens and closes the circuits that a batch decides about.
func (d *Delivery) circuits(ctx context.Context, batch []outcome) error {
	for _, o := range batch {
		switch {
		case o.trips:
			d.log.Warn("a function fails; its messages wait", "function", o.Function, "code", o.Code, "reason", o.Reason)
			if err := circuit.Trip(ctx, d.pool, o.Function, o.Code, o.Reason); err != nil {
				return err
			}
		case o.mends:
			d.log.Info("a function works again; its messages flow", "function", o.Function)
			if err := circuit.Close(ctx, d.pool, o.Function); err != nil {
				return err
			}
			d.Announce()
		}
	}
	return nil
}

// forget gives up the places of a batch that is written.
func (d *Delivery) forget(batch []outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wake := false
	for _, o := range batch {
		delete(d.held, o.Key)
		o.attempt.cancel(nil)
		l := d.lane(o.Function)
		l.held--
		wake = wake || l.low()
		if o.attempt.BodyRef != "" {
			tell(d.unused)
		}
	}
	tell(d.ended)
	if wake {
		d.Wake()
	}
}

func (d *Delivery) cancelAll(why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.held {
		a.cancel(why)
	}
}

// dropReady gives back what is leased and not begun.
func (d *Delivery) dropReady() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lanes {
		for _, a := range l.ready {
			d.write(outcome{Outcome: lease.Outcome{Key: a.Key(), Function: a.Function}, attempt: a, release: true})
		}
		l.ready = nil
	}
}

func (d *Delivery) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.held) == 0
}

// awaitIdle returns when no lease is held, or when ctx ends.
func (d *Delivery) awaitIdle(ctx context.Context) {
	for !d.idle() && ctx.Err() == nil {
		select {
		case <-d.ended:
		case <-ctx.Done():
		}
	}
}

// awaitDrained lets deliveries end within the grace and cuts off the rest,
// whose leases are given back. It returns when none is held.
func (d *Delivery) awaitDrained() {
	d.dropReady()
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	d.awaitIdle(ctx)
	d.stopping.Store(true)
	d.cancelAll(errStopping)
	d.awaitIdle(context.Background())
}
