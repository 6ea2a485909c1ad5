package launch

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// CanMount reports whether this process may do what Spec.Mount asks for, by
// doing its first half. In a chroot it cannot: what is / there is no mount.
func CanMount() (can bool) {
	apart(func() { can = alone() == nil })
	return can
}

// apart calls do on a thread that ends with it, and with what it has changed.
func apart(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		do()
	}()
	<-done
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
