package delivery

import (
	"context"
	"errors"

	"fnstore/kit/queue"
)

// room gives what may be claimed now.
func (d *Delivery) room(ctx context.Context) ([]queue.Want, error) {
	functions, err := d.cfg.Functions(ctx)
	if err != nil {
		return nil, err
	}
	var want []queue.Want
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range functions {
		if n := f.Concurrency - d.busy[f.Name]; n > 0 {
			want = append(want, queue.Want{Function: f.Name, Room: n})
		}
	}
	return want, nil
}

// claim leases what there is room for and starts it, until nothing is left or
// no room. It gives how many that were.
func (d *Delivery) claim(ctx, work context.Context, session int32) (took int) {
	for ctx.Err() == nil {
		more, n, err := d.claimOnce(ctx, work, session)
		took += n
		if err != nil && ctx.Err() == nil {
			d.log.Warn("could not claim messages", "cause", err)
			pause(ctx, rejoin)
			d.Wake() // what told us to has been heard once, and not obeyed
		}
		if !more {
			break
		}
	}
	return took
}

// claimOnce reports too whether there may be more to claim at once.
func (d *Delivery) claimOnce(ctx, work context.Context, session int32) (more bool, n int, err error) {
	want, err := d.room(ctx)
	if err != nil || len(want) == 0 {
		return false, 0, err
	}
	room := 0
	for _, w := range want {
		room += w.Room
	}
	messages, err := queue.Claim(ctx, d.pool, session, want)
	if err != nil {
		return false, 0, err
	}
	for _, m := range messages {
		d.start(work, m)
	}
	return len(messages) > 0 && len(messages) < room, len(messages), nil
}

func (d *Delivery) start(work context.Context, m queue.Message) {
	ctx, cancel := context.WithCancelCause(work)
	a := &attempt{Message: m, cancel: cancel}
	d.mu.Lock()
	d.held[m.Key()] = a
	d.busy[m.Function]++
	d.mu.Unlock()
	tell(d.holds)
	go func() {
		defer cancel(nil)
		ctx, stop := context.WithTimeout(ctx, Visibility)
		defer stop()
		o := outcome{Outcome: d.deliver(ctx, m), function: m.Function}
		o.Key = m.Key()
		o.release = errors.Is(context.Cause(ctx), errStopping)
		d.done <- o
	}()
}
