//go:build failpoint

package failpoint

import (
	"os"
	"syscall"
	"time"
)

const variable = "CHAOS_FAILPOINT"

var chosen = os.Getenv(variable)

// Hit ends the process if step is the chosen one.
func Hit(step string) {
	if step != chosen {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	time.Sleep(time.Minute) // the signal comes before that
}
