package delivery

import (
	"context"
	"time"

	"fnstore/kit/failpoint"
	"fnstore/kit/queue/lease"
)

// wanted gives what may be claimed now. It takes in what functions say about
// themselves today, and forgets those that are gone.
func (d *Delivery) wanted(ctx context.Context) ([]lease.Want, error) {
	functions, err := d.cfg.Functions(ctx)
	if err != nil {
		return nil, err
	}
	var want []lease.Want
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names = d.names[:0]
	known := make(map[string]bool, len(functions))
	for _, f := range functions {
		known[f.Name] = true
		d.names = append(d.names, f.Name)
		l := d.lane(f.Name)
		l.Function = f
		if n := l.capacity(); n > 0 {
			want = append(want, lease.Want{Function: f.Name, Max: n})
		}
	}
	for name, l := range d.lanes {
		if !known[name] && l.held == 0 {
			delete(d.lanes, name)
		}
	}
	return want, nil
}

// lane gives the function's lane; the caller holds mu.
func (d *Delivery) lane(name string) *lane {
	l := d.lanes[name]
	if l == nil {
		l = &lane{Function: Function{Name: name, Concurrency: DefaultConcurrency}, health: newHealth(time.Now())}
		d.lanes[name] = l
	}
	return l
}

// claim leases as many messages as may run and starts them, until nothing is left
// or no capacity. It gives how many that were.
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
	want, err := d.wanted(ctx)
	if err != nil || len(want) == 0 {
		return false, 0, err
	}
	asked := 0
	for _, w := range want {
		asked += w.Max
	}
	messages, err := d.queue.Claim(ctx, session, want)
	if err != nil {
		return false, 0, err
	}
	failpoint.Hit(failpoint.Leased)
	d.accept(work, messages)
	return len(messages) > 0 && len(messages) < asked, len(messages), nil
}

// accept takes charge of leased messages and begins what may begin.
func (d *Delivery) accept(work context.Context, messages []lease.Message) {
	if len(messages) == 0 {
		return
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	touched := map[*lane]bool{}
	for _, m := range messages {
		ctx, cancel := context.WithCancelCause(work)
		a := &attempt{Message: m, ctx: ctx, cancel: cancel, claimed: now}
		l := d.lane(m.Function)
		l.held++
		l.bytes += (float64(len(m.Body)) - l.bytes) / 8
		l.ready = append(l.ready, a)
		d.held[m.Key()] = a
		touched[l] = true
	}
	tell(d.holds)
	for l := range touched {
		d.pump(l, now)
	}
}

// pump begins calls while there is one to begin; the caller holds mu.
func (d *Delivery) pump(l *lane, now time.Time) {
	for {
		list, wait := l.next(now)
		if wait > 0 {
			d.pumpLater(l, wait)
		}
		if len(list) == 0 {
			return
		}
		calls := list[:0]
		for _, a := range list {
			switch o := l.admit(a, now); {
			case a.ctx.Err() != nil: // the lease was lost, or we stop
				d.write(outcome{Outcome: lease.Outcome{Key: a.Key(), Function: a.Function}, attempt: a, release: true})
			case o != nil:
				d.write(outcome{Outcome: *o, attempt: a})
			default:
				calls = append(calls, a)
			}
		}
		if len(calls) > 0 {
			l.calls++
			go d.deliver(l, l.Function, calls)
		}
	}
}

// pumpLater begins a batch when its window is over.
func (d *Delivery) pumpLater(l *lane, wait time.Duration) {
	if l.window != nil {
		l.window.Reset(wait)
		return
	}
	l.window = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.pump(l, time.Now())
	})
}
