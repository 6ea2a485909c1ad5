package process

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Stop asks the process to end, waits for the grace, and then kills it and its
// process group. It returns when all has ended.
func (p *instance) Stop(grace time.Duration) {
	if grace > 0 {
		p.signal(p.process.Pid, syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(grace):
		}
	}
	p.signal(-p.process.Pid, syscall.SIGKILL)
	<-p.exited
}

// kill ends the process and keeps the reason for its log.
func (p *instance) kill(why string) {
	p.mu.Lock()
	p.killed = why
	p.mu.Unlock()
	p.signal(-p.process.Pid, syscall.SIGKILL)
}

// signal reaches the process, or its process group when to is negative, as long
// as the number surely is still its own.
func (p *instance) signal(to int, sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = syscall.Kill(to, sig) // it may have ended by itself
	}
}

// reap waits for the process to end, kills the rest of its process group while
// the group's number cannot yet be another's, and only then collects the process.
// It ends those who left the process group too.
func (p *instance) reap() {
	awaitEnd(p.process.Pid)
	p.mu.Lock()
	_ = syscall.Kill(-p.process.Pid, syscall.SIGKILL)
	state, err := p.process.Wait()
	p.reaped = true
	why := p.killed
	p.mu.Unlock()
	if p.how = state.String(); err != nil {
		p.how = err.Error()
	}
	if why == "" && p.sandbox.group.OutOfMemory() {
		why = "it used more than its limit of memory"
	}
	if why != "" {
		p.how += ": " + why
	}
	if p.sandbox.group.Remove(); !p.sandbox.group.Exists() {
		killOrphans(p.sandbox.home)
	}
}

// awaitEnd waits until the child has ended, and leaves it to be collected. It
// waits as for a connection (pidfd_open(2)): os.Process.Wait would take a thread
// for each process.
func awaitEnd(pid int) {
	if fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK); err == nil {
		f := os.NewFile(uintptr(fd), "process")
		defer f.Close()
		if c, err := f.SyscallConn(); err == nil && c.Read(hasEnded) == nil {
			return
		}
	}
	// A kernel before 5.10.
	var info unix.Siginfo
	for unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// hasEnded reports whether the process of the descriptor has ended.
func hasEnded(pidfd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return n > 0 && err == nil
}
