package process

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Stop is a ladder: ask, wait, insist, and insist on the children too.
func (p *instance) Stop(grace time.Duration) {
	if grace > 0 {
		p.signal(p.pid, syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(grace):
		}
	}
	p.kill()
}

// kill ends the process and every other one of its group, and waits for it.
func (p *instance) kill() {
	p.signal(-p.pid, syscall.SIGKILL)
	<-p.exited
}

// signal reaches the process, or its group when to is negative, as long as the
// number surely is still its own.
func (p *instance) signal(to int, sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = syscall.Kill(to, sig) // it may have ended by itself
	}
}

// reap waits for the process to end, ends what is left of its group while the
// group's number cannot yet be another's, and only then lets the kernel forget
// the process.
func (p *instance) reap() {
	ended(p.pid)
	p.mu.Lock()
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	how := collect(p.pid)
	p.reaped = true
	why := p.doomed
	p.mu.Unlock()
	p.how = how
	if why == "" && p.bed.group.OutOfMemory() {
		why = "it used more than its limit of memory"
	}
	if why != "" {
		p.how += ": " + why
	}
	// And whoever left the process group.
	if p.bed.group.Remove(); !p.bed.group.Holds() {
		sweep(p.bed.home)
	}
}

// collect has the kernel forget a process that has ended, and tells how it did.
func collect(pid int) string {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err.Error()
	}
	state, err := p.Wait()
	if err != nil {
		return err.Error()
	}
	return state.String()
}

// ended waits until the child has ended, and leaves it to be reaped. It waits as
// for a connection (pidfd_open(2)). A thread in waitid(2) would be one for each
// function; and for its first ten milliseconds it keeps a processor of the Go
// runtime, whose watcher then looks every 80 µs, just while the function starts.
func ended(pid int) {
	if fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK); err == nil {
		f := os.NewFile(uintptr(fd), "process")
		defer f.Close()
		if c, err := f.SyscallConn(); err == nil && c.Read(over) == nil {
			return
		}
	}
	// A kernel before 5.10.
	var info unix.Siginfo
	for unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// over reports whether the process of the descriptor has ended.
func over(pidfd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return n > 0 && err == nil
}

// condemn ends the process and keeps the reason for its log.
func (p *instance) condemn(why string) {
	p.mu.Lock()
	p.doomed = why
	p.mu.Unlock()
	p.signal(-p.pid, syscall.SIGKILL)
}
