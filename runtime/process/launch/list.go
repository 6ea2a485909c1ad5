package launch

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// list is what a child does, one system call after the other, and what came of
// it. The child shares this memory until exec.
type list struct {
	steps []step
	flags uintptr
	clone *cloneArgs // for clone3(2), when flags are not enough

	at    int           // the step that the child is at
	wrong syscall.Errno // with that step

	kept   []unsafe.Pointer // what steps point to: a number keeps nothing alive
	may    unix.CPUSet      // where the program may run
	handed int              // the first of the steps that hand descriptors over
	opened []int            // descriptors to close when it is over
}

// step is one system call. One that may fail says so by an empty what.
type step struct {
	what   string
	number uintptr
	args   [6]uintptr
	want   uintptr // its result, unless 0
}

// cloneArgs is struct clone_args up to the member that is of use here.
type cloneArgs struct {
	flags, pidFD, childTID, parentTID, exitSignal, stack, stackSize, tls, setTID, setTIDSize, cgroup uint64
}

func (l *list) add(what string, number uintptr, args ...uintptr) {
	s := step{what: what, number: number}
	copy(s.args[:], args)
	l.steps = append(l.steps, s)
}

// try adds a step that may fail.
func (l *list) try(number uintptr, args ...uintptr) { l.add("", number, args...) }

// keep gives the address of something on the heap, which does not move.
func (l *list) keep(p unsafe.Pointer) uintptr {
	l.kept = append(l.kept, p)
	return uintptr(p)
}

func (l *list) bytes(b []byte) uintptr { return l.keep(unsafe.Pointer(unsafe.SliceData(b))) }

// string gives the address of s as C has strings. Neither paths nor arguments
// nor environments can hold a NUL; what comes after one is cut off.
func (l *list) string(s string) uintptr { return l.bytes(append([]byte(s), 0)) }

func (l *list) strings(list []string) uintptr {
	at := make([]uintptr, len(list)+1)
	for i, s := range list {
		at[i] = l.string(s)
	}
	return l.keep(unsafe.Pointer(unsafe.SliceData(at)))
}

// cgroup has the child made in the group.
func (l *list) cgroup(dir *os.File) {
	l.flags = unix.CLONE_VFORK | unix.CLONE_VM
	if dir != nil {
		l.clone = &cloneArgs{flags: uint64(l.flags | unix.CLONE_INTO_CGROUP), exitSignal: uint64(unix.SIGCHLD), cgroup: uint64(dir.Fd())}
	}
}

func (l *list) close() {
	for _, fd := range l.opened {
		_ = unix.Close(fd)
	}
}
