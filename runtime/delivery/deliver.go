package delivery

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"fnstore/kit/failpoint"
	"fnstore/kit/queue/lease"
	"fnstore/kit/trace"
)

// outcome is an attempt's end on its way to the database.
type outcome struct {
	lease.Outcome
	attempt *attempt
	release bool // give the lease back unused
	trips   bool // the function's circuit opens
	mends   bool // it closes
}

// deliver makes one call and judges each of its messages.
func (d *Delivery) deliver(l *lane, f Function, list []*attempt) {
	begun := time.Now()
	for _, a := range list {
		a.trace()
	}
	ctx, stop := callContext(list, f.visibility())
	defer stop()
	ctx = trace.With(ctx, list[0].step)
	answers := make([]answer, 1)
	switch {
	case f.Call != nil:
		answers[0] = d.callElsewhere(ctx, f, list[0].Message)
	case f.batch() == 1:
		answers[0] = d.published(f, list[0].Message, d.callOne(ctx, list[0].Message))
	default:
		messages := make([]lease.Message, len(list))
		for i, a := range list {
			messages[i] = a.Message
		}
		answers = d.callBatch(ctx, f, messages)
	}
	failpoint.Hit(failpoint.Answered)
	verdicts := make([]verdict, len(list))
	for i, a := range list {
		verdicts[i] = judge(a.Message, f.Retry, answers[i], time.Now())
	}
	remember(f, list, answers, time.Since(begun))
	d.explain(verdicts, f.Name, begun)
	d.record(l, list, verdicts, begun, time.Since(begun))
}

// callContext bounds a call: by the time for one attempt and, of a message alone,
// its deadline. It ends when none of the leases is ours any more.
func callContext(list []*attempt, limit time.Duration) (context.Context, context.CancelFunc) {
	if len(list) == 1 {
		if deadline := list[0].Deadline; !deadline.IsZero() {
			limit = min(limit, time.Until(deadline))
		}
		return context.WithTimeout(list[0].ctx, limit)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(list[0].ctx), limit)
	var left atomic.Int32
	left.Store(int32(len(list)))
	for _, a := range list {
		context.AfterFunc(a.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, cancel
}

// explain adds to failures what the worker can find out about the function.
func (d *Delivery) explain(verdicts []verdict, fn string, begun time.Time) {
	var version, digest, cause string
	asked := false
	for i := range verdicts {
		v := &verdicts[i]
		if v.Verdict == lease.Done {
			continue
		}
		if !asked {
			asked = true
			if d.cfg.Deployed != nil {
				version, digest = d.cfg.Deployed(fn)
			}
			if v.failing && (v.Status == 0 || v.Status == http.StatusBadGateway) {
				cause = d.lastExit(fn, begun)
			}
		}
		v.Version, v.Digest, v.Cause = version, digest, cause
	}
}

// lastExit asks how the function's process ended during a call. The answer that
// broke off comes a little earlier than the news of its end.
func (d *Delivery) lastExit(fn string, since time.Time) string {
	if d.cfg.LastExit == nil {
		return ""
	}
	for range exitTries {
		if how := d.cfg.LastExit(fn, since); how != "" {
			return how
		}
		time.Sleep(exitPause)
	}
	return ""
}

// How often it is asked how a process ended, and the pause between.
const (
	exitTries = 4
	exitPause = 25 * time.Millisecond
)

// record takes a call's answers into what is known of the function, frees the
// place of the call and hands the outcomes to those who write them.
func (d *Delivery) record(l *lane, list []*attempt, verdicts []verdict, begun time.Time, took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.calls--
	l.learn(took)
	outs := make([]outcome, len(list))
	answered := false
	for i, a := range list {
		v := verdicts[i]
		cut := context.Cause(a.ctx)
		outs[i] = outcome{Outcome: v.Outcome, attempt: a, release: v.failing && errors.Is(cut, errStopping)}
		switch {
		case v.failing && cut == nil:
			outs[i].trips = l.health.fail(a.ID)
			if l.health.open {
				outs[i].free(l.Retry.pause(a.Attempt), v.Delay)
			}
		case !v.failing:
			answered = true
		}
	}
	if answered && l.health.ok() {
		outs[0].mends = true
	}
	for _, out := range outs {
		d.remember(out, begun, took)
		d.write(out)
	}
	d.pump(l, time.Now())
	if l.low() {
		d.Wake()
	}
}

// free makes a failure one that spends no attempt, as an open circuit promises.
func (o *outcome) free(pause, delay time.Duration) {
	o.Verdict, o.Free, o.Delay = lease.Retry, true, max(pause, delay)
}

// write hands an outcome to the one who writes them; it does not block.
func (d *Delivery) write(o outcome) {
	select {
	case d.done <- o:
	default:
		go func() { d.done <- o }()
	}
}
