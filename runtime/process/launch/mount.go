package launch

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// CanMount reports whether this process may do what Spec.Mount asks for, by
// doing its first half. In a chroot it cannot: what is / there is no mount.
func CanMount() bool {
	can := make(chan bool)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread, and what it tried, end here
		can <- alone() == nil
	}()
	return <-can
}

// alone gives this thread mounts that nobody else sees.
func alone() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return &os.PathError{Op: "mount", Path: "/", Err: err}
	}
	return nil
}
