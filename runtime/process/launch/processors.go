package launch

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// processors is where a thread and what it starts may run.
//
// A child begins on the processor where its parent's thread waits for it. The
// kernel would look for one that is idle, and waking that one up takes longer
// than all that the child does until it has become the program: on a virtual
// machine half a millisecond and more.
type processors struct {
	seen  unix.CPUSet // when it was looked last
	given unix.CPUSet // what is asked for then
}

// pin keeps this thread where it is, and gives where a child may go. It is
// quicker, and no more: nothing is said when it cannot be done.
func (p *processors) pin() (may unix.CPUSet) {
	p.look()
	var at uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&at)), 0, 0); errno == 0 {
		var here unix.CPUSet
		here.Set(int(at))
		_ = unix.SchedSetaffinity(0, &here)
	}
	return p.given
}

// unpin lets this thread go.
func (p *processors) unpin() { _ = unix.SchedSetaffinity(0, &p.given) }

// look finds out where this thread may run, which taskset(1) and others change.
// One that nobody has restricted asks for all that there will ever be, else it
// could not go to a processor that is added later.
func (p *processors) look() {
	var now, all, most unix.CPUSet
	if unix.SchedGetaffinity(0, &now) != nil || now == p.seen {
		return
	}
	p.seen, p.given = now, now
	for i := range all {
		all[i]--
	}
	if unix.SchedSetaffinity(0, &all) == nil && unix.SchedGetaffinity(0, &most) == nil && most == now {
		p.given = all
	}
}

// spread lets the child go where it may.
func (l *list) spread() {
	l.try(unix.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(l.may), uintptr(unsafe.Pointer(&l.may)))
}
