package services

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// process is a running service, our child or one that we adopted.
type process struct {
	pid  int
	mark string // an argument of its command line that nothing else has
	uid  uint32
	os   *os.Process   // holds a pidfd: signals reach this process or none
	done chan struct{} // closed when our child is gone; nil for an adopted one
}

// spawn starts a child that does not end with us. What it prints goes to stderr.
func spawn(cmd *exec.Cmd, stderr *os.File, mark string, who account) (*process, error) {
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = stderr, stderr
	cmd.SysProcAttr = who.attributes()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &process{cmd.Process.Pid, mark, who.uid, cmd.Process, make(chan struct{})}
	go func() {
		cmd.Wait() // how it ended is in its log
		close(p.done)
	}()
	return p, nil
}

// find returns the process with this pid when it is the service that carries
// the mark, and nil when there is none or the pid belongs to somebody else now.
func find(pid int, mark string, uid uint32) *process {
	if pid <= 1 {
		return nil
	}
	handle, err := os.FindProcess(pid)
	if err != nil || !hasArgument(pid, mark, uid) {
		return nil
	}
	return &process{pid: pid, mark: mark, uid: uid, os: handle}
}

// hasArgument looks at the user as well: the pid file is the service's to write, and
// we may be root.
func hasArgument(pid int, mark string, uid uint32) bool {
	dir := "/proc/" + strconv.Itoa(pid)
	args, err := os.ReadFile(dir + "/cmdline") // empty for a zombie
	if err != nil || !slices.ContainsFunc(bytes.Split(args, []byte{0}), func(arg []byte) bool {
		// Redis before 6.2 puts its address behind argv[0], after a space.
		return string(arg) == mark || strings.HasPrefix(string(arg), mark+" ")
	}) {
		return false
	}
	return runsAs(dir, uid)
}

// runsAs reads whose process it is from its folder in /proc.
func runsAs(dir string, uid uint32) bool {
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if ids, ok := strings.CutPrefix(line, "Uid:"); ok {
			f := strings.Fields(ids)
			return len(f) > 1 && f[1] == strconv.FormatUint(uint64(uid), 10)
		}
	}
	return false
}

func (p *process) alive() bool {
	if p.done == nil {
		return hasArgument(p.pid, p.mark, p.uid)
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// pidIn reads the number in the first line of a pid file, 0 when it is none.
func pidIn(file []byte) int {
	first, _, _ := bytes.Cut(file, []byte{'\n'})
	n, err := strconv.ParseInt(string(bytes.TrimSpace(first)), 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return int(n)
}
