package launch

import (
	"os"
	"sync"
	"syscall"
	"testing"
)

// A main thread with mounts of its own, or restricted, would be so for good.
func TestOnThread_IsNeverTheMainThread(t *testing.T) {
	var all sync.WaitGroup
	for range 200 {
		all.Add(1)
		onThread(func() {
			defer all.Done()
			if syscall.Gettid() == os.Getpid() {
				t.Error("it runs on the main thread")
			}
		})
	}
	all.Wait()
}

// In a chroot / is no mount, so nothing can be mounted out of others' sight.
// That has to be found out beforehand, or no function of the store would start.
func TestCanMount_NotInAChroot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may change its root folder")
	}
	dir, done := t.TempDir(), make(chan struct{})
	onThread(func() {
		defer close(done)
		if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
			t.Error(err)
		}
		if err := syscall.Chroot(dir); err != nil {
			t.Error(err)
		}
		if ownMounts() == nil {
			t.Error("mounting is promised where it cannot be done")
		}
	})
	<-done
}
