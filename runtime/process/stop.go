package process

import (
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// begin counts a call in, unless the process is on its way out or gone.
func (p *instance) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining || p.reaped {
		return false
	}
	p.inflight.Add(1)
	return true
}

// done counts a call out.
func (p *instance) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inflight.Add(-1) == 0 && p.draining {
		close(p.idle)
	}
}

// stop is a ladder: let the calls end, ask, insist, and insist on the children
// too. It takes at most twice the grace.
func (p *instance) stop(grace time.Duration) {
	p.mu.Lock()
	p.draining = true
	if p.inflight.Load() == 0 {
		close(p.idle)
	}
	p.mu.Unlock()
	select {
	case <-p.idle:
	case <-p.exited:
	case <-time.After(grace):
	}
	p.signal(p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(grace):
	}
	p.kill()
}

// kill ends the process and every other one of its group, and waits for it.
func (p *instance) kill() {
	p.signal(-p.cmd.Process.Pid, syscall.SIGKILL)
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
	pid := p.cmd.Process.Pid
	var info unix.Siginfo
	for unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	err := p.cmd.Wait()
	p.reaped = true
	if p.how = p.cmd.ProcessState.String(); p.how == "" && err != nil {
		p.how = err.Error()
	}
}

// grace is how long a call that has begun may take to end: the function's own
// limit and a little, never more than half a minute.
func grace(env map[string]string) time.Duration {
	const most = 30 * time.Second
	v := env["exec_timeout"]
	d, err := time.ParseDuration(v)
	if err != nil {
		seconds, err := strconv.Atoi(v)
		if err != nil {
			return most
		}
		d = time.Duration(seconds) * time.Second
	}
	if d <= 0 || d > most {
		return most
	}
	return d + time.Second
}
