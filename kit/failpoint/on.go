//go:build failpoint

package failpoint

import (
	"os"
	"syscall"
	"time"
)

var chosen = os.Getenv("CHAOS_FAILPOINT")

// Hit ends the process if step is the chosen one.
func Hit(step string) {
	if step != chosen {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	time.Sleep(time.Minute) // the signal comes before that
}
