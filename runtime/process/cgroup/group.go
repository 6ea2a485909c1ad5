package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Limits are what the processes of a group may use together. 0 is no limit.
type Limits struct {
	Memory int64 // bytes
	CPU    int64 // thousandths of a processor
	Tasks  int64 // processes and threads
}

// Group is one control group, in each hierarchy that there is.
type Group struct {
	folders map[string]string // by controller
	dirs    []string          // the same, each once
	home    []*os.File        // of Groups
	unified bool
	limited bool // memory is
}

// New makes a group. Limits whose controller cannot be had are left out.
func (g *Groups) New(l Limits) (*Group, error) {
	group := &Group{folders: map[string]string{}, home: g.home, unified: g.unified}
	name := strconv.FormatInt(g.made.Add(1), 10)
	for controller, base := range g.base {
		dir := filepath.Join(base, name)
		group.folders[controller] = dir
		if slices.Contains(group.dirs, dir) {
			continue
		}
		// MkdirAll, since a store in another PID namespace cannot see that this one
		// runs, and may have removed the base.
		if err := os.MkdirAll(dir, 0o755); err != nil {
			group.Remove()
			return nil, fmt.Errorf("make control group: %w", err)
		}
		group.dirs = append(group.dirs, dir)
	}
	if err := group.limit(l); err != nil {
		group.Remove()
		return nil, err
	}
	return group, nil
}

func (g *Group) limit(l Limits) error {
	const period = 100_000 // microseconds, the default of a new group
	var failed error
	write := func(controller, file string, value any) {
		if dir := g.folders[controller]; dir != "" && failed == nil {
			failed = set(dir, file, fmt.Sprint(value))
		}
	}
	quota := max(l.CPU*period/1000, 1000) // the kernel takes no less
	switch g.limited = l.Memory > 0 && g.folders[Memory] != ""; {
	case g.limited && g.unified:
		write(Memory, "memory.max", l.Memory)
		write(Memory, "memory.swap.max", 0)
	case g.limited:
		write(Memory, "memory.limit_in_bytes", l.Memory)
		write(Memory, "memory.swappiness", 0)
	}
	switch {
	case l.CPU > 0 && g.unified:
		write(CPU, "cpu.max", fmt.Sprint(quota, " ", period))
	case l.CPU > 0:
		write(CPU, "cpu.cfs_quota_us", quota)
	}
	if l.Tasks > 0 {
		write(Tasks, "pids.max", l.Tasks)
	}
	return failed
}

// Exists reports whether there is a group at all: then no process that was
// started in it escapes Remove.
func (g *Group) Exists() bool { return len(g.dirs) > 0 }

// OutOfMemory reports whether the kernel has ended a process of the group for
// want of memory.
func (g *Group) OutOfMemory() bool {
	if !g.limited {
		return false
	}
	file := "memory.oom_control"
	if g.unified {
		file = "memory.events"
	}
	b, _ := os.ReadFile(filepath.Join(g.folders[Memory], file))
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "oom_kill" {
			return f[1] != "0"
		}
	}
	return false
}

// Remove ends every process that is still in the group, and removes it.
func (g *Group) Remove() {
	for _, d := range g.dirs {
		remove(d)
	}
}

// remove kills until no process is left. A killed process leaves the group a
// moment later, so that takes a few rounds; after a thousand the kernel does not
// let go of one, and the next store tries again. This process is never a target:
// version 1 lists it while a thread of it is in the group.
func remove(dir string) {
	for range 1000 {
		b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			return
		}
		for line := range strings.Lines(string(b)) {
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err == nil && pid > 1 && pid != os.Getpid() {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		if os.Remove(dir) == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// set writes a setting. Those of swap do not exist on machines without it.
func set(dir, file, value string) error {
	f, err := open(filepath.Join(dir, file), unix.O_WRONLY)
	if err == nil {
		_, err = unix.Write(int(f.Fd()), []byte(value))
		_ = f.Close()
	}
	if err != nil && strings.Contains(file, "swap") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set %s to %s: %w", file, value, err)
	}
	return nil
}
