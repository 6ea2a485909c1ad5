package launch

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// onThread calls do on a thread of its own, which ends with it. It is never the
// main thread: that one cannot end, and its state is what /proc/self shows.
func onThread(do func()) {
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		if unix.Gettid() != unix.Getpid() {
			do()
			return
		}
		elsewhere := make(chan struct{})
		onThread(func() {
			close(elsewhere)
			do()
		})
		<-elsewhere // the main thread is kept until then
		runtime.UnlockOSThread()
	}()
}

// restrictThread restricts the calling thread, and what it will start. What
// takes privileges comes before they are given up.
func (s *Spec) restrictThread() error {
	if s.Mount != "" {
		if err := ownMounts(); err != nil {
			return err
		}
		if err := unix.Mount(s.Mount, MountAt, "", unix.MS_BIND, ""); err != nil {
			return &os.PathError{Op: "mount", Path: MountAt, Err: err}
		}
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("no_new_privs", err)
	}
	return s.restrictFiles()
}

// CanMount reports whether this process may do what Spec.Mount asks for, by
// doing its first half. In a chroot it cannot: what is / there is no mount.
func CanMount() bool {
	can := make(chan bool)
	onThread(func() { can <- ownMounts() == nil })
	return <-can
}

// ownMounts gives this thread mounts that nobody else sees.
func ownMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	// Most systems share the root, and a mount would be seen everywhere.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return &os.PathError{Op: "mount", Path: "/", Err: err}
	}
	return nil
}

// dropCapabilities leaves the thread those that it uses itself, and its programs
// none: nothing is inherited, and of what a file or root would give them nothing
// is within bounds (capabilities(7)).
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var own [2]unix.CapUserData // 32 capabilities each
	if err := unix.Capget(&header, &own[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	own[0].Inheritable, own[1].Inheritable = 0, 0
	if err := unix.Capset(&header, &own[0]); err != nil {
		return os.NewSyscallError("capset", err)
	}
	if os.Geteuid() != 0 {
		return nil // no_new_privs keeps a plain user from getting any
	}
	for c := uintptr(0); unix.Prctl(unix.PR_CAPBSET_READ, c, 0, 0, 0) == nil; c++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return os.NewSyscallError("drop a capability", err)
		}
	}
	return nil
}
