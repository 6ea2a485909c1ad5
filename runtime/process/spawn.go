package process

import (
	"errors"
	"os/exec"
	"runtime"
)

// spawner starts processes from one thread that never ends. The kernel sends a
// child its parent-death signal when the *thread* that made it ends
// (prctl(2), PR_SET_PDEATHSIG), and the Go runtime may end a thread at any
// time; on this one the signal means what it should: fnstore is gone.
type spawner struct {
	jobs chan job
	quit chan struct{}
}

type job struct {
	cmd  *exec.Cmd
	done chan error
}

func newSpawner() *spawner {
	s := &spawner{jobs: make(chan job), quit: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		for {
			select {
			case j := <-s.jobs:
				j.done <- j.cmd.Start()
			case <-s.quit:
				return
			}
		}
	}()
	return s
}

var errClosed = errors.New("the store is stopping")

func (s *spawner) start(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	select {
	case s.jobs <- job{cmd, done}:
		return <-done
	case <-s.quit:
		return errClosed
	}
}

// close lets the thread end; no process may be left by then.
func (s *spawner) close() { close(s.quit) }
