package launch

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// Of linux/prctl.h, linux/capability.h and asm-generic/resource.h; the same on
// every processor that Go runs Linux on, but not all in package syscall.
const (
	prSetPdeathsig  = 1
	prCapbsetDrop   = 24
	prSetNoNewPrivs = 38
	capVersion3     = 0x20080522
	rlimitNproc     = 6

	sysCloseRange     = 436
	closeRangeCloexec = 4
)

func init() {
	if len(os.Args) != 3 || os.Args[1] != Argument {
		return
	}
	// What goes wrong is the last line of the program's output, and the exit
	// status is what shells use for a program that cannot be run.
	_, _ = os.Stderr.WriteString("fnstore: cannot start the function: " + launch(os.Args[2]).Error() + "\n")
	os.Exit(126)
}

func launch(number string) error {
	// Most walls are put around one thread, and exec keeps those of the thread
	// that calls it.
	runtime.LockOSThread()
	s, err := received(number)
	if err != nil {
		return err
	}
	closeFrom(number)
	for _, procs := range s.Groups {
		if err := os.WriteFile(procs, []byte("0"), 0); err != nil { // 0 is who writes
			return err
		}
	}
	if s.Mount != "" {
		if err := mount(s.Mount); err != nil {
			return err
		}
	}
	if err := limit(s.CountTasks); err != nil {
		return err
	}
	if err := drop(s.UID); err != nil {
		return err
	}
	if err := prctl(prSetNoNewPrivs, 1); err != nil {
		return os.NewSyscallError("no_new_privs", err)
	}
	if s.Landlock {
		if err := landlock(s); err != nil {
			return err
		}
	}
	// A new user or a new thread loses the parent-death signal (prctl(2)); and
	// the parent may have ended before the signal was asked for.
	if err := prctl(prSetPdeathsig, uintptr(syscall.SIGKILL)); err != nil {
		return os.NewSyscallError("parent-death signal", err)
	}
	if os.Getppid() != s.Parent {
		return errors.New("who asked for it is gone")
	}
	return &os.PathError{Op: "exec", Path: s.Path, Err: syscall.Exec(s.Path, s.Args, s.Env)}
}

func prctl(option, value uintptr) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, option, value, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// closeFrom has every descriptor from the spec's on closed by exec. Those above it
// were not handed over: whoever started the store left them open. A kernel
// before 5.11 cannot do it, and then they stay.
func closeFrom(number string) {
	fd, err := strconv.Atoi(number)
	if err == nil {
		_, _, _ = syscall.RawSyscall(sysCloseRange, uintptr(fd), 1<<31-1, closeRangeCloexec)
	}
}

// alone gives this thread, and what it becomes, mounts that nobody else sees.
func alone() error {
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	// Else a mount would be seen everywhere: most systems share the root.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SLAVE, ""); err != nil {
		return &os.PathError{Op: "mount", Path: "/", Err: err}
	}
	return nil
}

// mount shows the folder at MountAt to this thread and what it becomes.
func mount(folder string) error {
	if err := alone(); err != nil {
		return err
	}
	if err := syscall.Mount(folder, MountAt, "", syscall.MS_BIND, ""); err != nil {
		return &os.PathError{Op: "mount", Path: MountAt, Err: err}
	}
	return nil
}

// limit sets what a process may have.
func limit(tasks bool) error {
	type bound struct {
		what int
		most uint64
	}
	bounds := []bound{{syscall.RLIMIT_NOFILE, MaxFiles}, {syscall.RLIMIT_CORE, 0}, {syscall.RLIMIT_FSIZE, MaxFileSize}}
	if tasks {
		bounds = append(bounds, bound{rlimitNproc, MaxTasks})
	}
	for _, b := range bounds {
		var l syscall.Rlimit
		if err := syscall.Getrlimit(b.what, &l); err != nil {
			return os.NewSyscallError("getrlimit", err)
		}
		l.Max = min(l.Max, b.most)
		l.Cur = l.Max
		// By package syscall: its Exec would put back what the Go runtime found.
		if err := syscall.Setrlimit(b.what, &l); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	return nil
}

// drop becomes the user and gives up every capability, and those that a file
// could give back.
func drop(uid int) error {
	if os.Geteuid() == 0 {
		for c := uintptr(0); ; c++ {
			if err := prctl(prCapbsetDrop, c); err == syscall.EINVAL {
				break // past the last one that the kernel knows
			} else if err != nil {
				return os.NewSyscallError("drop a capability", err)
			}
		}
	}
	if uid != 0 {
		if err := syscall.Setgroups(nil); err != nil {
			return os.NewSyscallError("setgroups", err)
		}
		if err := syscall.Setresgid(uid, uid, uid); err != nil {
			return os.NewSyscallError("setresgid", err)
		}
		if err := syscall.Setresuid(uid, uid, uid); err != nil {
			return os.NewSyscallError("setresuid", err)
		}
	}
	header := struct {
		version uint32
		pid     int32
	}{version: capVersion3}
	var none [2]struct{ effective, permitted, inheritable uint32 }
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0); errno != 0 {
		return os.NewSyscallError("capset", errno)
	}
	return nil
}
