package storetest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// script waits for a word. When its input ends without one, the test process is
// gone for whatever reason: then the store is taken down as a person would do
// it, by force if need be, and its folder removed.
const script = `
read -r word && [ "$word" = done ] && exit
bin=$1 state=$2 dir=$3
n=0
until "$bin" down --state "$state" || [ $n -ge 5 ]; do n=$((n+1)); sleep 1; done
for exe in /proc/[0-9]*/exe; do
	[ "$(readlink "$exe")" = "$bin" ] && pid=${exe#/proc/} && kill -KILL "${pid%/exe}"
done
"$bin" down --state "$state"
rm -rf "$dir"
`

// guard is a process, in a session of its own, that outlives the test process
// just long enough to clear away a store.
type guard struct {
	cmd   *exec.Cmd
	leash io.WriteCloser
}

func protect(bin, state, dir string) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", script, "guard", bin, state, dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	leash, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("guard a store: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard a store: %w", err)
	}
	return &guard{cmd, leash}, nil
}

// release sends the guard home.
func (g *guard) release() {
	_, _ = io.WriteString(g.leash, "done\n") // if it is gone already, so much the better
	_ = g.cmd.Wait()
}

// leftProcesses names the processes that still run something of a folder, or run in
// it, after a moment to end.
func leftProcesses(dir string) error {
	deadline := time.Now().Add(5 * time.Second)
	for {
		found := inhabitants(dir)
		if len(found) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("left behind: %s", strings.Join(found, "; "))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func inhabitants(dir string) (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range all {
		cwd, _ := os.Readlink(proc + "/cwd") // one that has just ended has none
		exe, _ := os.Readlink(proc + "/exe")
		line, _ := os.ReadFile(proc + "/cmdline")
		if strings.HasPrefix(cwd, dir+"/") || strings.HasPrefix(exe, dir+"/") || strings.Contains(string(line), dir+"/") {
			found = append(found, filepath.Base(proc)+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
