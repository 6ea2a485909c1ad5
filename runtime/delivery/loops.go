package delivery

import (
	"context"
	"time"

	"fnstore/kit/queue"
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
	keys := make([]queue.Key, 0, len(d.held))
	for k := range d.held {
		keys = append(keys, k)
	}
	d.mu.Unlock()
	if len(keys) == 0 {
		return
	}
	lost, err := queue.Renew(ctx, d.pool, keys)
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
	if err := queue.Maintain(ctx, d.pool, keep); err != nil && ctx.Err() == nil {
		d.log.Warn("could not maintain the queue", "cause", err)
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
	var ends []queue.Outcome
	var unused []queue.Key
	for _, o := range batch {
		if o.release {
			unused = append(unused, o.Key)
		} else {
			ends = append(ends, o.Outcome)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*queue.Lease)
	defer cancel()
	for ctx.Err() == nil {
		refused, err := queue.Finish(ctx, d.pool, ends)
		if err == nil && len(unused) > 0 {
			err = queue.Release(ctx, d.pool, unused)
		}
		if err == nil {
			for _, k := range refused {
				d.log.Warn("an answer came after its lease was lost; another attempt decides", "message", k.ID)
			}
			break
		}
		d.log.Warn("could not write outcomes", "cause", err, "messages", len(batch))
		pause(ctx, rejoin)
	}
	d.mu.Lock()
	for _, o := range batch {
		delete(d.held, o.Key)
		if d.busy[o.function]--; d.busy[o.function] == 0 {
			delete(d.busy, o.function)
		}
	}
	d.mu.Unlock()
	tell(d.ended)
	d.Wake()
}

func (d *Delivery) cancelAll(why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.held {
		a.cancel(why)
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
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	d.awaitIdle(ctx)
	d.cancelAll(errStopping)
	d.awaitIdle(context.Background())
}
