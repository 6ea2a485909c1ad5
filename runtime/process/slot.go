package process

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Pauses before a process that died is started again: none at first, then
// doubling. One that has lived for steady counts as healthy.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
	steady     = 10 * time.Second
)

// slot is the place of one process. Its listener outlives the processes in it:
// a call that comes while one is being replaced waits in the socket's queue
// and is not refused.
type slot struct {
	r      *release
	id     string
	ctx    context.Context
	cancel context.CancelFunc
	live   atomic.Pointer[instance] // nil while nothing is ready
}

func newSlot(r *release) *slot {
	ctx, cancel := context.WithCancel(context.Background())
	id := fmt.Sprintf("%s-%s-%d", r.rec.Deployment.Service, short(r.bin.Digest), r.f.b.slots.Add(1))
	return &slot{r: r, id: id, ctx: ctx, cancel: cancel}
}

// short is enough of a digest to tell releases apart in a list.
func short(digest string) string {
	if len(digest) > 15 {
		return digest[len("sha256:"):15]
	}
	return digest
}

// run keeps a process in the slot until the slot is cancelled.
func (s *slot) run() {
	listener, err := s.listen()
	if err != nil {
		s.say("cannot listen: %s", err)
		return
	}
	defer listener.Close()
	defer os.RemoveAll(s.home())
	for pause := time.Duration(0); s.ctx.Err() == nil; {
		began := time.Now()
		err := s.once(listener)
		if s.ctx.Err() != nil {
			return
		}
		switch {
		case time.Since(began) > steady:
			pause = 0
		case pause == 0:
			pause = firstPause
		default:
			pause = min(2*pause, lastPause)
		}
		s.say("%s; starting again in %s", err, pause)
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
		}
	}
}

// home is the process's own folder, its TMPDIR; replicas do not share it.
func (s *slot) home() string { return filepath.Join(s.r.f.b.home(s.r.rec), s.id) }

func (s *slot) say(format string, args ...any) {
	s.r.f.b.cfg.Logs.Say(s.r.rec.Deployment.Service, Namespace, s.id, fmt.Sprintf(format, args...))
}

// once runs one process from its start to its end and says how it ended.
func (s *slot) once(listener *net.UnixListener) error {
	p, err := start(s, listener)
	if err != nil {
		return fmt.Errorf("cannot start: %w", err)
	}
	if err := p.awaitReady(s.ctx); err != nil {
		p.kill()
		return err
	}
	s.live.Store(p)
	s.r.f.wake()
	select {
	case <-p.exited:
		s.live.Store(nil)
		s.r.f.wake()
		return fmt.Errorf("the process ended: %s", p.how)
	case <-s.ctx.Done():
		s.live.Store(nil)
		s.r.f.wake()
		p.stop(grace(s.r.rec.Deployment.EnvVars), s.r.f.hurry)
		return nil
	}
}

// listen makes the socket that the process will accept on.
func (s *slot) listen() (*net.UnixListener, error) {
	path := filepath.Join(s.r.f.b.cfg.SockDir, s.id+".sock")
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}
