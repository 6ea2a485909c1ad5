// Package launch starts a program in a sandbox: limits, a user of its own, no
// privileges and no way to get some, and a file system of which it reads little
// and writes less. It does not know what the program is or why it runs.
//
// Landlock rules, no_new_privs, capability bounds and mounts belong to a thread,
// and fork passes them on. So every process has a thread of this program: the
// thread restricts itself, waits, starts the process with package os, and waits
// again, since the process ends with its thread (prctl(2), PR_SET_PDEATHSIG).
package launch

import (
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Launcher is a restricted thread that starts processes.
type Launcher struct{ requests chan request }

type request struct {
	output    *os.File
	listeners []*os.File
	started   chan<- started
}

type started struct {
	process *os.Process
	err     error
}

// New makes a thread that is restricted as the spec says. An error names the
// restriction that failed.
func New(s Spec) (*Launcher, error) {
	l := &Launcher{make(chan request)}
	restricted := make(chan error)
	onThread(func() {
		err := s.restrictThread()
		if restricted <- err; err != nil {
			return
		}
		for r := range l.requests {
			p, err := s.start(r.output, r.listeners)
			r.started <- started{p, err}
		}
	})
	if err := <-restricted; err != nil {
		return nil, err
	}
	return l, nil
}

// Start starts a process, whose descriptors 1 and 2 are output; those from 3 on
// are the listeners. It inherits nothing else of this process. The caller waits
// for its end. After an error there is no process.
func (l *Launcher) Start(output *os.File, listeners ...*os.File) (*os.Process, error) {
	answer := make(chan started, 1)
	l.requests <- request{output, listeners, answer}
	s := <-answer
	return s.process, s.err
}

// Close ends the thread, and with it the processes that still run. Start is not
// called any more.
func (l *Launcher) Close() { close(l.requests) }

// start starts the process from this thread, which is restricted.
func (s *Spec) start(output *os.File, listeners []*os.File) (*os.Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	attr := &os.ProcAttr{
		Dir: s.Dir, Env: append([]string{}, s.Env...), // nil would be this process's own
		Files: append([]*os.File{null, output, output}, listeners...),
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	if id := uint32(s.UID); id != 0 {
		attr.Sys.Credential = &syscall.Credential{Uid: id, Gid: id}
	}
	// Whoever started this process may have left descriptors open. A kernel
	// before 5.11 cannot mark them.
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	p, err := s.fork(attr)
	if err != nil {
		return nil, err
	}
	if err := s.limitProcess(p.Pid); err != nil {
		return nil, errors.Join(err, end(p))
	}
	return p, nil
}

// fork makes the process in its control group.
func (s *Spec) fork(attr *os.ProcAttr) (p *os.Process, err error) {
	if s.Group != nil {
		if s.Group.Folder != nil {
			attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(s.Group.Folder.Fd())
		}
		defer func() {
			if left := s.Group.Leave(); left != nil && err == nil {
				p, err = nil, errors.Join(left, end(p))
			}
		}()
		if err := s.Group.Enter(); err != nil {
			return nil, err
		}
	}
	if p, err = os.StartProcess(s.Path, s.Args, attr); err != nil {
		return nil, fmt.Errorf("start in %q: %w", s.Dir, err)
	}
	return p, nil
}

// end kills the process and collects it.
func end(p *os.Process) error {
	if err := p.Kill(); err != nil {
		return err
	}
	_, err := p.Wait()
	return err
}
