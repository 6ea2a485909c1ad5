package servicestest

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// script waits for the end of its input, which comes when the test process is
// gone for whatever reason, then ends the service and removes its folder. QUIT is
// Postgres' immediate shutdown and as good as any signal for Redis: nothing here
// is worth saving. A pid that is no longer the service's has another command line.
const script = `
read -r _
ours() { tr '\0' ' ' </proc/"$1"/cmdline | grep -qF "$2/"; } 2>/dev/null
ours "$1" "$2" && kill -QUIT "$1"
n=0
while ours "$1" "$2" && [ $n -lt 100 ]; do sleep 0.05; n=$((n+1)); done
ours "$1" "$2" && kill -KILL "$1"
rm -rf "$2"
`

// leashes are never written to. They are kept here because the garbage collector
// closes a pipe that nobody holds, and the guard would take that for our end.
var leashes []io.Closer

// guard starts a process, in a session of its own, that outlives this one just
// long enough to end the service pid and remove dir.
func guard(pid int, dir string) error {
	cmd := exec.Command("/bin/sh", "-c", script, "guard", strconv.Itoa(pid), dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	leash, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("guard a service: %w", err)
	}
	leashes = append(leashes, leash)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("guard a service: %w", err)
	}
	return nil
}
