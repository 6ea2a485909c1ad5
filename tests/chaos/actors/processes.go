package actors

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// PIDs are the processes of a function, and whatever they left behind: all that
// have its name in their environment and a TMPDIR in this store's state. The
// name "" is any function's.
func (st *Stage) PIDs(name string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is sound
	home := []byte("\x00TMPDIR=" + st.State + "/")
	for _, at := range all {
		env, err := os.ReadFile(at)
		env = append(append([]byte{0}, env...), 0)
		if err != nil || !bytes.Contains(env, home) || name != "" && !bytes.Contains(env, []byte("\x00OPENFAAS_NAME="+name+"\x00")) {
			continue // it has ended, or is not one of them
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(at))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
