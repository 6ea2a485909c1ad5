package launch

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Limits of every process, whatever it runs.
const (
	maxFiles    = 8192    // open descriptors
	maxFileSize = 1 << 30 // bytes of one file that it writes
)

// CanLimit reports whether this process may limit those it starts: it needs
// their user, the right CAP_SYS_RESOURCE, which root lacks in most containers, or
// a kernel where it can take their user for a moment.
func CanLimit() bool {
	return os.Geteuid() != 0 || canLimitOthers() || landlockVersion() >= scopeVersion
}

func canLimitOthers() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var own [2]unix.CapUserData // 32 capabilities each
	return unix.Capget(&header, &own[0]) == nil && own[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// limitProcess limits the process, which may have ended, from this thread. The
// process has run for a moment: limits are not inherited from a thread. Where
// CanLimit says no, it does nothing.
func (s *Spec) limitProcess(pid int) (err error) {
	if s.UID != 0 && !canLimitOthers() {
		if landlockVersion() < scopeVersion {
			return nil
		}
		// prlimit(2) compares the real user. While this thread has it, a process of
		// that user could signal this one, but for Landlock.
		defer func() { err = errors.Join(err, realUser(0)) }()
		if err := realUser(s.UID); err != nil {
			return err
		}
	}
	most := map[int]uint64{unix.RLIMIT_NOFILE: maxFiles, unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: maxFileSize}
	if s.LimitTasks {
		most[unix.RLIMIT_NPROC] = MaxTasks
	}
	for resource, limit := range most {
		var own unix.Rlimit
		if err := unix.Getrlimit(resource, &own); err != nil {
			return os.NewSyscallError("getrlimit", err)
		}
		limit = min(limit, own.Max)
		err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: limit, Max: limit}, nil)
		if err != nil && err != unix.ESRCH {
			return os.NewSyscallError("prlimit", err)
		}
	}
	return nil
}

// realUser changes the real user and group of this thread alone: those of
// package syscall change the whole process.
func realUser(id int) error {
	const same = ^uintptr(0)
	for _, call := range []uintptr{unix.SYS_SETRESGID, unix.SYS_SETRESUID} {
		if _, _, errno := unix.RawSyscall(call, uintptr(id), same, same); errno != 0 {
			return os.NewSyscallError("take the function's user", errno)
		}
	}
	return nil
}
