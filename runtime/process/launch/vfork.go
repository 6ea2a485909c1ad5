package launch

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"fnstore/kit/blocking"
)

// What package syscall makes its own children with. gVisor uses them in the
// same way, which is why they stay (go.dev/issue/67401).

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// vfork makes a child that goes through the list. It returns, to the parent
// alone, when the child has become the program or has ended. Signals are held
// back meanwhile, so that no handler of Go's runs in the child.
//
// Unlike package syscall's, the thread holds no processor of the Go runtime
// meanwhile: the runtime's watcher would share the real one with the program that
// starts.
//
//go:norace
//go:noinline
//go:nosplit
func vfork(l *list) (pid, errno uintptr) {
	blocking.Enter()
	pid, errno = split(l)
	afterFork()
	blocking.Exit()
	return pid, errno
}

// split returns at once to the parent. The child stays in this very frame, for
// it has the parent's stack, and touches no other; it must not allocate, grow
// the stack, or call anything but system calls.
//
//go:norace
//go:noinline
//go:nosplit
//go:nocheckptr
func split(l *list) (pid, errno uintptr) {
	var (
		i      int
		s      *step
		result uintptr
		wrong  syscall.Errno
	)
	beforeFork()
	if l.clone != nil {
		pid, errno = clone(unix.SYS_CLONE3, uintptr(unsafe.Pointer(l.clone)), unsafe.Sizeof(*l.clone))
	} else {
		pid, errno = clone(unix.SYS_CLONE, l.flags|uintptr(unix.SIGCHLD), 0)
	}
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	afterForkInChild()
	for i = range l.steps {
		s = &l.steps[i]
		l.at = i
		result, _, wrong = syscall.RawSyscall6(s.number, s.args[0], s.args[1], s.args[2], s.args[3], s.args[4], s.args[5])
		if wrong == 0 && s.want != 0 && result != s.want {
			wrong = unix.ESRCH
		}
		if wrong != 0 && len(s.what) > 0 {
			l.wrong = wrong
			break
		}
	}
	for {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 126, 0, 0)
	}
}
