package process

import (
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// leaving is added to the calls of a process that takes no more: the count is
// negative from then on, and exactly leaving when none is left.
const leaving = -1 << 40

// begin counts a call in, unless the process is on its way out or gone.
func (p *instance) begin() bool {
	if p.calls.Add(1) < 0 {
		p.done()
		return false
	}
	return true
}

// done counts a call out.
func (p *instance) done() {
	if p.calls.Add(-1) == leaving {
		p.rested()
	}
}

// drain lets no further call in.
func (p *instance) drain() {
	p.drained.Do(func() {
		if p.calls.Add(leaving) == leaving {
			p.rested()
		}
	})
}

// stop is a ladder: let the calls end, ask, insist, and insist on the children
// too. Calls may take as long as the function allows them; once hurry is
// closed, hurried at most.
func (p *instance) stop(limit time.Duration, hurry <-chan struct{}) {
	p.drain()
	short := min(limit, hurried)
	select {
	case <-p.idle:
	case <-p.exited:
	case <-time.After(limit):
	case <-hurry:
		select {
		case <-p.idle:
		case <-p.exited:
		case <-time.After(short):
		}
	}
	p.signal(p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(short):
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
	p.drain()
	p.mu.Lock()
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	err := p.cmd.Wait()
	p.reaped = true
	why := p.doomed
	p.mu.Unlock()
	if p.how = p.cmd.ProcessState.String(); p.how == "" && err != nil {
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
		sweep(p.cmd.Dir)
	}
}

// condemn ends the process and keeps the reason for its log.
func (p *instance) condemn(why string) {
	p.mu.Lock()
	p.doomed = why
	p.mu.Unlock()
	p.signal(-p.cmd.Process.Pid, syscall.SIGKILL)
}

// hurried is how long calls that run may take to end when the function is
// removed or the store stops.
const hurried = 30 * time.Second

// grace is how long a call that has begun may take to end when another process
// takes over: the function's own limit and a little, an hour at most.
func grace(env map[string]string) time.Duration {
	v := env["exec_timeout"]
	d, err := time.ParseDuration(v)
	if err != nil {
		seconds, err := strconv.Atoi(v)
		if err != nil {
			return hurried
		}
		d = time.Duration(seconds) * time.Second
	}
	if d <= 0 {
		return hurried
	}
	return min(d+time.Second, time.Hour)
}
