package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// killOrphans ends what a process left behind outside its process group, where
// no control group has it: every process that was started with the same TMPDIR.
// One that hides from that was made to hide, and Open has warned of it.
func killOrphans(home string) {
	mark := []byte("\x00TMPDIR=" + home + "\x00")
	for range 100 { // as long as there are any: they may start others meanwhile
		found := false
		procs, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, p := range procs {
			b, err := os.ReadFile(p)
			if err != nil || !bytes.Contains(append([]byte{0}, b...), mark) {
				continue
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(p))); err == nil && pid > 1 && pid != os.Getpid() {
				found = syscall.Kill(pid, syscall.SIGKILL) == nil || found
			}
		}
		if !found {
			return
		}
	}
}
