package launch

import (
	"os"
	"syscall"
	"testing"
)

// In a chroot / is no mount, so nothing can be mounted out of others' sight.
// That has to be found out beforehand: a launcher that fails there would keep
// every function of the store from starting.
func TestAChrootCannotMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may change its root folder")
	}
	dir := t.TempDir()
	apart(func() {
		if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
			t.Error(err)
		}
		if err := syscall.Chroot(dir); err != nil {
			t.Error(err)
		}
		if alone() == nil {
			t.Error("mounting is promised where it cannot be done")
		}
	})
}
