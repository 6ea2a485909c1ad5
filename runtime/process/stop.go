package process

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Stop is a ladder: ask, wait, insist, and insist on the children too.
func (p *instance) Stop(grace time.Duration) {
	if grace > 0 {
		p.signal(p.process.Pid, syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(grace):
		}
	}
	p.kill()
}

// kill ends the process and every other one of its group, and waits for it.
func (p *instance) kill() {
	p.signal(-p.process.Pid, syscall.SIGKILL)
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
	pid := p.process.Pid
	var info unix.Siginfo
	for unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.mu.Lock()
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	state, err := p.process.Wait()
	p.reaped = true
	why := p.doomed
	p.mu.Unlock()
	if p.how = state.String(); err != nil {
		p.how = err.Error()
	}
	if why == "" && p.group.OutOfMemory() {
		why = "it used more than its limit of memory"
	}
	if why != "" {
		p.how += ": " + why
	}
	// And whoever left the process group.
	if p.group.Remove(); !p.group.Holds() {
		sweep(p.home)
	}
}

// condemn ends the process and keeps the reason for its log.
func (p *instance) condemn(why string) {
	p.mu.Lock()
	p.doomed = why
	p.mu.Unlock()
	p.signal(-p.process.Pid, syscall.SIGKILL)
}
