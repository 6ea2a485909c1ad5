package provider

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Pauses before a replica that died is started again: none at first, then
// doubling. One that has lived for steady counts as healthy. One that had been
// ready can be so again and is not kept from it for long; one that never is may
// wait.
const (
	firstPause = 100 * time.Millisecond
	readyPause = time.Second
	lastPause  = 30 * time.Second
	steady     = 10 * time.Second
)

// maxRestartWait is how long a pause may still take when a call comes that would wait
// for its end: callers who are held for nothing keep room from others.
const maxRestartWait = 2 * time.Second

// slot keeps a replica running under a supervisor.
type slot struct {
	r      *release
	id     string
	ctx    context.Context
	cancel context.CancelFunc
	live   atomic.Pointer[instance] // nil while nothing is ready
	next   atomic.Int64             // when it starts again, Unix nanoseconds; 0 when it does not pause
}

func newSlot(r *release) *slot {
	ctx, cancel := context.WithCancel(context.Background())
	id := fmt.Sprintf("%s-%s-%d", r.rec.Deployment.Service, short(r.rec.Digest), r.f.p.slots.Add(1))
	return &slot{r: r, id: id, ctx: ctx, cancel: cancel}
}

// short is enough of a digest to tell releases apart in a list.
func short(digest string) string {
	if len(digest) > 15 {
		return digest[len("sha256:"):15]
	}
	return digest
}

// run keeps a replica in the slot until the slot is cancelled.
func (s *slot) run() {
	supervisor, err := s.r.program.Supervisor(s.id)
	if err != nil {
		s.writeLine("cannot be started: %s", err)
		return
	}
	defer supervisor.Close()
	for pause := time.Duration(0); s.ctx.Err() == nil; {
		began := time.Now()
		served, err := s.once(supervisor)
		if s.ctx.Err() != nil {
			return
		}
		pause = pauseAfter(pause, served, time.Since(began))
		s.writeLine("%s; starting again in %s", err, pause)
		s.next.Store(time.Now().Add(pause).UnixNano())
		s.r.f.wake()
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
		}
		s.next.Store(0)
	}
}

// pauseAfter gives the pause after the one before and a replica that lived so
// long and had served or not.
func pauseAfter(before time.Duration, served bool, lived time.Duration) time.Duration {
	most := lastPause
	if served {
		most = readyPause
	}
	switch {
	case lived > steady:
		return 0
	case before == 0:
		return firstPause
	}
	return min(2*before, most)
}

func (s *slot) writeLine(format string, args ...any) {
	s.r.f.p.cfg.Logs.WriteLine(s.r.rec.Deployment.Service, Namespace, s.id, fmt.Sprintf(format, args...))
}

// once runs one replica from its start to its end and says whether it was ready
// in between and how it ended.
func (s *slot) once(supervisor Supervisor) (served bool, how error) {
	r, err := supervisor.Start(s.ctx)
	if err != nil {
		return false, fmt.Errorf("cannot start: %w", err)
	}
	if err := r.AwaitReady(s.ctx, s.r.readiness); err != nil {
		r.Stop(0)
		return false, err
	}
	p := newInstance(r)
	s.live.Store(p)
	s.r.f.wake()
	select {
	case <-r.Exited():
		p.drain()
		s.live.Store(nil)
		s.r.f.exit.Store(&exit{time.Now(), r.How()})
		return true, fmt.Errorf("it ended: %s", r.How())
	case <-s.ctx.Done():
		s.live.Store(nil)
		s.r.f.wake()
		p.retire(grace(s.r.rec.Deployment.EnvVars), s.r.f.forceDrain)
		return true, nil
	}
}
