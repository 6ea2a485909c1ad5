package delivery

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue/deadletter"
	"fnstore/kit/queue/lease"
)

// When a worker looks into the queue. It is told of nearly all that happens
// there, by NOTIFY, and foresees the rest: what waits for a time.
const (
	// lookAnyway is the longest it goes without a look, for a NOTIFY that was
	// lost or never sent. It is shorter than a lease, so no lease can begin and
	// end unseen: a message is due again when its lease is over, and not later.
	lookAnyway = 9 * time.Second
	// lookAlone is the same for one that has nobody beside it, and so no lease
	// of another's to miss. Who joins notifies.
	lookAlone = 30 * time.Second
	// lookAtPeers is how often it looks whether those who hold leases live: one
	// that dies tells nobody. While nobody else holds any it does not.
	lookAtPeers = time.Second
	// lookAfterClaim is how long after a claim it looks ahead: under load claims follow
	// each other, and a look after each would be one too many.
	lookAfterClaim = 50 * time.Millisecond
	// maxContendedPause bounds the pause, which doubles from lookAfterClaim, after a message was
	// due and could not be leased: another worker is about to lease it.
	maxContendedPause = time.Second
)

// session claims and starts deliveries for as long as its connection lives.
func (d *Delivery) session(ctx, work context.Context) error {
	cc, err := pgx.ParseConfig(d.cfg.Postgres)
	if err != nil {
		return err
	}
	cc.RuntimeParams["application_name"] = "fnstore delivery session"
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return err
	}
	s, err := lease.Join(ctx, conn)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return err
	}
	// Not ctx: the session stands behind leases until they are given back.
	listen, stopListening := context.WithCancel(context.Background())
	lost := make(chan error, 1)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for {
			if err := s.Wait(listen); err != nil {
				lost <- err
				return
			}
			d.heard.Add(1)
			d.solo.Store(false)
			d.Wake()
		}
	})
	waiting.Go(func() { d.announceLoop(listen, s) })
	defer func() {
		stopListening()
		waiting.Wait()
		_ = s.Leave(context.WithoutCancel(ctx))
	}()
	return d.attend(ctx, work, s, lost)
}

// attend claims when it is told to and when it has foreseen that something is
// due, and sleeps in between. Nothing else of a worker that has nothing to do
// wakes up.
func (d *Delivery) attend(ctx, work context.Context, s *lease.Session, lost <-chan error) error {
	d.Wake() // nobody tells what was there before us
	timer := time.NewTimer(d.look)
	defer timer.Stop()
	next := time.Now().Add(d.look) // when the timer fires
	at := func(when time.Time) { next = when; timer.Reset(time.Until(when)) }
	backoff := lookAfterClaim
	for {
		select {
		case <-d.wake:
			d.alone = false // for all we know
			if d.claim(ctx, work, s.ID) > 0 {
				backoff = lookAfterClaim
			}
			if soon := time.Now().Add(lookAfterClaim); soon.Before(next) {
				at(soon)
			}
		case <-timer.C:
			in, took := d.ahead(ctx, work, s)
			if in == 0 { // due, and perhaps not to be had
				if backoff = min(2*backoff, maxContendedPause); took > 0 {
					backoff = lookAfterClaim
				}
				in = backoff
			} else {
				backoff = lookAfterClaim
			}
			at(time.Now().Add(in))
		case err := <-lost:
			return err
		case <-ctx.Done():
			d.awaitDrained()
			return nil
		}
	}
}

// ahead asks for the outlook and does what is due by it. It gives how long to
// sleep, 0 when something was due and may still be, and how many it has claimed.
func (d *Delivery) ahead(ctx, work context.Context, s *lease.Session) (in time.Duration, took int) {
	want, err := d.wanted(ctx)
	var o lease.Outlook
	if err == nil {
		names := make([]string, len(want))
		for i, w := range want {
			names[i] = w.Function
		}
		o, err = d.queue.Foresee(ctx, s.ID, names)
	}
	var freed int64
	if now := time.Now(); err == nil && o.Foreign && now.Sub(d.swept) >= lookAtPeers {
		d.swept = now
		if freed, err = d.queue.Sweep(ctx, d.functions()); freed > 0 {
			d.log.Info("took over messages of a worker that is gone", "messages", freed)
		}
	}
	if err == nil && o.Bury {
		_, err = d.queue.Bury(ctx)
	}
	var moved int64
	if err == nil && o.Jobs {
		moved, _, err = deadletter.Step(ctx, d.pool)
	}
	if err != nil {
		if ctx.Err() == nil {
			d.log.Warn("could not look ahead in the queue", "cause", err)
		}
		return rejoin, 0
	}
	if o.Claim || freed > 0 || moved > 0 {
		took = d.claim(ctx, work, s.ID)
	}
	if o.Claim || o.Bury || o.Jobs || freed > 0 {
		return 0, took
	}
	switch {
	case o.Foreign:
		return min(o.In, d.look, max(time.Until(d.swept.Add(lookAtPeers)), time.Millisecond)), took
	case o.In <= d.look:
		return o.In, took
	case !d.alone: // it is asked once for all the looks until somebody wakes us
		heard := d.heard.Load()
		if d.alone, err = s.Alone(ctx, d.pool); err == nil && d.alone {
			d.solo.Store(true)
			if d.heard.Load() != heard { // somebody may have joined since
				d.solo.Store(false)
			}
		}
		if err != nil && ctx.Err() == nil {
			d.log.Warn("could not look for other workers", "cause", err)
		}
	}
	if d.alone {
		return min(o.In, d.lookAlone), took
	}
	return d.look, took
}

// functions gives the names of all functions, as of the last claim.
func (d *Delivery) functions() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.names)
}

// Announce says that a message was committed: this worker looks at once, and
// others are told, where there are any.
func (d *Delivery) Announce() {
	d.Wake()
	if !d.solo.Load() {
		tell(d.news)
	}
}

// announceLoop tells other workers, at most once in a while: a NOTIFY is a
// commit of its own.
func (d *Delivery) announceLoop(ctx context.Context, s *lease.Session) {
	for {
		select {
		case <-d.news:
		case <-ctx.Done():
			return
		}
		if err := s.Notify(ctx, d.pool); err != nil && ctx.Err() == nil {
			d.log.Debug("could not notify other workers", "cause", err)
		}
		pause(ctx, announce)
	}
}
