// Package launch starts programs behind walls: limits, a user of their own, no
// privileges and no way to get some, and a file system that they can read little
// of and write less. It does not know what a program is or why it runs.
//
// Most walls can only be put up by the process that they shall stand around,
// between fork and exec, and there Go can run nothing: the child has one thread
// and no runtime. But a child needs no Go to make system calls. So the parent
// writes down all of them beforehand, in order and with every pointer in place,
// and the child goes through the list and ends in exec. The list can wait until a
// process is wanted. The child is made with vfork semantics, as package syscall
// makes its own: memory is not copied, the parent's thread waits until the child
// has become the program, and what goes wrong is in the parent's memory already.
package launch

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// late is how long a child may take to become the program. Tests have less
// patience.
var late = 5 * time.Second

// Plan is a start that is written down, for one process.
type Plan struct {
	spec Spec
	list *list
}

// Prepare writes down how the program is started. What the spec names stays open
// until then.
func Prepare(s Spec) (*Plan, error) {
	l, err := write(s)
	if err != nil {
		return nil, err
	}
	return &Plan{s, l}, nil
}

// start starts the program from this thread. An error says which wall could not
// be put up, or why the program cannot be run; then nothing has been started.
func (t *Thread) start(p *Plan, output, listener int) (pid int, err error) {
	l := p.list
	defer l.close()
	if err := l.hand(output, listener); err != nil {
		return 0, err
	}
	l.may = t.pin()
	defer t.unpin()
	// Else a descriptor that another goroutine is about to mark as not to be
	// inherited would be inherited.
	syscall.ForkLock.Lock()
	child, errno := vfork(l)
	syscall.ForkLock.Unlock()
	if s := p.spec; errno != 0 && s.Cgroup != nil { // an old kernel, or a container's filter
		t.unpin()
		s.Cgroup = nil
		p, err := Prepare(s)
		if err != nil {
			return 0, err
		}
		return t.start(p, output, listener)
	}
	if errno != 0 {
		return 0, os.NewSyscallError("fork", syscall.Errno(errno))
	}
	if l.wrong != 0 {
		var status syscall.WaitStatus
		for _, err := syscall.Wait4(int(child), &status, 0, nil); err == syscall.EINTR; {
			_, err = syscall.Wait4(int(child), &status, 0, nil)
		}
		failed := l.steps[l.at]
		return 0, fmt.Errorf("%s: %w", failed.what, l.wrong)
	}
	return int(child), nil
}

// write makes the list. The order matters: what takes rights comes before they
// are given up, and the new user last, since from then on others of that user
// may meddle.
func write(s Spec) (*list, error) {
	l := &list{}
	l.spread()
	l.add("make a process group", unix.SYS_SETPGID, 0, 0)
	l.add("parent-death signal", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	l.hurry()
	for _, g := range s.Groups {
		if s.Cgroup != nil {
			break // it is in there
		}
		l.add("enter "+g.Name(), unix.SYS_WRITE, g.Fd(), l.bytes([]byte("0")), 1)
	}
	if s.Mount != "" {
		l.add("unshare mounts", unix.SYS_UNSHARE, unix.CLONE_NEWNS)
		// Else a mount would be seen everywhere: most systems share the root.
		l.add("keep mounts to itself", unix.SYS_MOUNT, l.string(""), l.string("/"), l.string(""), unix.MS_REC|unix.MS_SLAVE)
		l.add("mount "+MountAt, unix.SYS_MOUNT, l.string(s.Mount), l.string(MountAt), l.string(""), unix.MS_BIND)
	}
	if s.Dir != "" {
		l.add("enter "+s.Dir, unix.SYS_CHDIR, l.string(s.Dir))
	}
	l.descriptors()
	if err := l.limits(s.CountTasks); err != nil {
		return nil, err
	}
	l.add("no_new_privs", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	if s.Rules != nil {
		l.add("landlock", unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(s.Rules.fd), 0)
	}
	l.drop(s.UID)
	// A new user loses the parent-death signal (prctl(2)); and the parent may have
	// ended before the signal was asked for.
	l.add("parent-death signal", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	l.add("who asked for it is gone", unix.SYS_GETPPID)
	l.steps[len(l.steps)-1].want = uintptr(os.Getpid())
	l.add("exec "+s.Path, unix.SYS_EXECVE, l.string(s.Path), l.strings(s.Args), l.strings(s.Env))
	l.cgroup(s.Cgroup)
	return l, nil
}

// hurry has the kernel end a child that does not get as far as exec, which
// removes the timer: the parent's thread waits for it, and somebody of the same
// user could have stopped it on its last steps.
func (l *list) hurry() {
	event := &struct {
		value  uintptr
		signo  int32
		notify int32
		rest   [12]uintptr
	}{signo: int32(unix.SIGKILL)}
	timer := new(int32) // a new process's first is 0
	l.try(unix.SYS_TIMER_CREATE, unix.CLOCK_MONOTONIC, l.keep(unsafe.Pointer(event)), l.keep(unsafe.Pointer(timer)))
	when := &struct{ every, first unix.Timespec }{first: unix.NsecToTimespec(int64(late))}
	l.try(unix.SYS_TIMER_SETTIME, 0, 0, l.keep(unsafe.Pointer(when)), 0)
}

// limits sets what the process may have.
func (l *list) limits(tasks bool) error {
	type bound struct {
		what int
		most uint64
	}
	bounds := []bound{{unix.RLIMIT_NOFILE, MaxFiles}, {unix.RLIMIT_CORE, 0}, {unix.RLIMIT_FSIZE, MaxFileSize}}
	if tasks {
		bounds = append(bounds, bound{unix.RLIMIT_NPROC, MaxTasks})
	}
	for _, b := range bounds {
		may := new(unix.Rlimit)
		if err := unix.Prlimit(0, b.what, nil, may); err != nil {
			return os.NewSyscallError("getrlimit", err)
		}
		may.Max = min(may.Max, b.most)
		may.Cur = may.Max
		l.add("setrlimit", unix.SYS_PRLIMIT64, 0, uintptr(b.what), l.keep(unsafe.Pointer(may)), 0)
	}
	return nil
}

// drop becomes the user and gives up every capability. Those that a file could
// give back are out of the thread's bounds.
func (l *list) drop(uid int) {
	if id := uintptr(uid); uid != 0 {
		l.add("setgroups", unix.SYS_SETGROUPS, 0, 0)
		l.add("setresgid", unix.SYS_SETRESGID, id, id, id)
		l.add("setresuid", unix.SYS_SETRESUID, id, id, id)
	}
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	none := new([2]unix.CapUserData)
	l.add("capset", unix.SYS_CAPSET, l.keep(unsafe.Pointer(header)), l.keep(unsafe.Pointer(none)))
}
