package launch

import (
	"errors"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Thread starts programs from one thread that never ends. The kernel sends a
// child its parent-death signal when the *thread* that made it ends
// (prctl(2), PR_SET_PDEATHSIG), and the Go runtime may end a thread at any
// time; on this one the signal means what it should: this process is gone.
type Thread struct {
	jobs chan job
	quit chan struct{}
	processors
}

type job struct {
	plan             *Plan
	output, listener int
	done             chan started
}

type started struct {
	pid int
	err error
}

// ErrClosed is what Start says after Close.
var ErrClosed = errors.New("the store is stopping")

// NewThread makes a Thread.
func NewThread() *Thread {
	t := &Thread{jobs: make(chan job), quit: make(chan struct{})}
	go t.run()
	return t
}

func (t *Thread) run() {
	runtime.LockOSThread() // and never unlocked: the thread ends with this function
	unbound := unbind()
	for {
		select {
		case j := <-t.jobs:
			if unbound != nil {
				j.done <- started{0, unbound}
				continue
			}
			pid, err := t.start(j.plan, j.output, j.listener)
			j.done <- started{pid, err}
		case <-t.quit:
			return
		}
	}
}

// Start starts what was planned, and gives the process, which the caller collects
// when it has ended. Output becomes descriptors 1 and 2, listener
// becomes 3, -1 is /dev/null, and so is 0; nothing else is handed over. An error
// says which wall could not be put up, or why the program cannot be run; then
// nothing has been started.
func (t *Thread) Start(p *Plan, output, listener int) (pid int, err error) {
	done := make(chan started, 1)
	select {
	case t.jobs <- job{p, output, listener, done}:
		s := <-done
		return s.pid, s.err
	case <-t.quit:
		return 0, ErrClosed
	}
}

// Close lets the thread end. No process that it started may be left.
func (t *Thread) Close() { close(t.quit) }

// lastCap is the highest capability that the kernel knows.
var lastCap = sync.OnceValue(func() (c uintptr) {
	for unix.Prctl(unix.PR_CAPBSET_READ, c+1, 0, 0, 0) == nil {
		c++
	}
	return c
})

// unbind takes every capability out of this thread's bounds, and so of its
// children's: what they run has none, whatever a file says (capabilities(7)).
// What the thread may do itself stays as it is.
func unbind() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for c := range lastCap() + 1 {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return os.NewSyscallError("drop a capability", err)
		}
	}
	return nil
}
