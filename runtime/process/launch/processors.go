package launch

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A child begins on the processor where its parent's thread waits for it. The
// kernel would look for one that is idle, and waking that one up takes longer
// than all that the child does until it has become the program: on a virtual
// machine half a millisecond and more.

// anywhere is where programs may run: wherever this process may. For one that
// nobody has restricted these are all there ever are, else a program could not
// use a processor that is added later.
var anywhere = sync.OnceValues(func() (set unix.CPUSet, err error) {
	apart(func() {
		var all, most unix.CPUSet
		for i := range all {
			all[i]--
		}
		if err = unix.SchedGetaffinity(0, &set); err != nil {
			return
		}
		if unix.SchedSetaffinity(0, &all) == nil && unix.SchedGetaffinity(0, &most) == nil && most == set {
			set = all
		}
	})
	return set, err
})

// pin keeps this thread where it is.
func pin() {
	if _, err := anywhere(); err != nil {
		return // it is quicker, and no more
	}
	var at uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&at)), 0, 0); errno != 0 {
		return
	}
	var here unix.CPUSet
	here.Set(int(at))
	_ = unix.SchedSetaffinity(0, &here)
}

// unpin lets this thread go.
func unpin() {
	if set, err := anywhere(); err == nil {
		_ = unix.SchedSetaffinity(0, &set)
	}
}

// spread lets the child go wherever it may.
func (l *list) spread() {
	if set, err := anywhere(); err == nil {
		l.try(unix.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(set), l.keep(unsafe.Pointer(&set)))
	}
}
