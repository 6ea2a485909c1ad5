package process

import (
	"errors"
	"os"
	"runtime"

	"fnstore/runtime/process/launch"
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
	spec launch.Spec
	done chan started
}

type started struct {
	process *os.Process
	err     error
}

func newSpawner() *spawner {
	s := &spawner{jobs: make(chan job), quit: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		for {
			select {
			case j := <-s.jobs:
				p, err := launch.Start(j.spec)
				j.done <- started{p, err}
			case <-s.quit:
				return
			}
		}
	}()
	return s
}

var errClosed = errors.New("the store is stopping")

func (s *spawner) start(spec launch.Spec) (*os.Process, error) {
	done := make(chan started, 1)
	select {
	case s.jobs <- job{spec, done}:
		p := <-done
		return p.process, p.err
	case <-s.quit:
		return nil, errClosed
	}
}

// close lets the thread end; no process may be left by then.
func (s *spawner) close() { close(s.quit) }
