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

// Bounds are what a group may use. 0 is no bound.
type Bounds struct {
	Memory int64 // bytes
	CPU    int64 // thousandths of a processor
	Tasks  int64 // processes and threads
}

// Group is one control group, in each tree that there is.
type Group struct {
	in      map[string]string // folder by controller
	dirs    []string          // the same, each once
	memory  string            // the folder that bounds memory, if one does
	unified bool
}

// Make makes a group. Bounds whose controller cannot be had are left out.
func (g *Groups) Make(b Bounds) (*Group, error) {
	group, err := g.fresh()
	if err != nil {
		return nil, err
	}
	if err := group.bound(b); err != nil {
		group.Remove()
		return nil, err
	}
	return group, nil
}

// Close removes what Open made; no group may be left.
func (g *Groups) Close() {
	for _, dir := range g.base {
		_ = os.Remove(dir)
	}
}

// Folders are those of the groups that bound what the controller counts.
func (g *Groups) Folders(controller string) []string {
	if !g.Can(controller) {
		return nil
	}
	procs, _ := filepath.Glob(filepath.Join(g.base[controller], "*", "cgroup.procs"))
	for i := range procs {
		procs[i] = filepath.Dir(procs[i])
	}
	return procs
}

// fresh makes a group that bounds nothing.
func (g *Groups) fresh() (*Group, error) {
	out := &Group{in: map[string]string{}, unified: g.unified}
	name := strconv.FormatInt(g.made.Add(1), 10)
	for controller, base := range g.base {
		dir := filepath.Join(base, name)
		if !slices.Contains(out.dirs, dir) {
			// A store that cannot see this one, in another PID namespace, may have taken
			// the base for one that was left behind.
			if err := os.MkdirAll(dir, 0o755); err != nil {
				out.Remove()
				return nil, fmt.Errorf("make control group: %w", err)
			}
			out.dirs = append(out.dirs, dir)
		}
		out.in[controller] = dir
	}
	return out, nil
}

func (g *Group) bound(b Bounds) error {
	const period = 100_000 // microseconds, what a new group has
	var failed error
	write := func(controller, file, value string) {
		if dir := g.in[controller]; dir != "" && failed == nil {
			failed = set(dir, file, value)
		}
	}
	if b.Memory > 0 {
		g.memory = g.in[Memory]
		limit, swap, none := "memory.limit_in_bytes", "memory.swappiness", "0"
		if g.unified {
			limit, swap = "memory.max", "memory.swap.max"
		}
		write(Memory, limit, strconv.FormatInt(b.Memory, 10))
		write(Memory, swap, none)
	}
	if b.CPU > 0 {
		quota := max(b.CPU*period/1000, 1000)
		if g.unified {
			write(CPU, "cpu.max", fmt.Sprint(quota, " ", period))
		} else {
			write(CPU, "cpu.cfs_quota_us", fmt.Sprint(quota))
		}
	}
	if b.Tasks > 0 {
		write(Tasks, "pids.max", strconv.FormatInt(b.Tasks, 10))
	}
	return failed
}

// Holds reports whether there is a group at all: then nothing that was started
// in it escapes Remove.
func (g *Group) Holds() bool { return len(g.dirs) > 0 }

// Doors opens the files that put the thread that writes a 0 into the group, and
// with version 2 its folder too, in which a process can be made (clone3(2),
// CLONE_INTO_CGROUP). The caller closes them.
//
// Moving a whole process makes the kernel wait until no processor is in the
// middle of a fork, for some ten milliseconds. A thread that moves itself need
// not wait for anybody, and version 1 can move one: so its door is tasks, and
// whoever goes through it should have no other threads.
func (g *Group) Doors() (doors []*os.File, dir *os.File, err error) {
	defer func() {
		if err != nil {
			for _, d := range doors {
				_ = d.Close()
			}
			doors = nil
		}
	}()
	file := "tasks"
	if g.unified {
		file = "cgroup.procs"
	}
	for _, d := range g.dirs {
		f, err := door(filepath.Join(d, file), unix.O_WRONLY)
		if err != nil {
			return doors, nil, fmt.Errorf("open control group: %w", err)
		}
		doors = append(doors, f)
	}
	if g.unified && len(g.dirs) > 0 {
		if dir, err = door(g.dirs[0], unix.O_RDONLY|unix.O_DIRECTORY); err != nil {
			return doors, nil, fmt.Errorf("open control group: %w", err)
		}
	}
	return doors, dir, nil
}

// OutOfMemory reports whether the kernel ended a process of the group because
// the group had no memory left.
func (g *Group) OutOfMemory() bool {
	if g.memory == "" {
		return false
	}
	file := "memory.oom_control"
	if g.unified {
		file = "memory.events"
	}
	b, _ := os.ReadFile(filepath.Join(g.memory, file))
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

// remove kills until nobody is left. A process that was killed is out of the
// group a moment later, so a few rounds are needed; a thousand would mean that
// the kernel does not let go of one, and then the next start tries again.
func remove(dir string) {
	for range 1000 {
		b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			return
		}
		for line := range strings.Lines(string(b)) {
			if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 1 {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		if os.Remove(dir) == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// set writes a setting. Those of swap are not there on machines without it.
func set(dir, file, value string) error {
	f, err := door(filepath.Join(dir, file), unix.O_WRONLY)
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

// door opens a file of the kernel's, which never keeps anybody waiting: package
// os would try first whether it does.
func door(path string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err == nil {
			return os.NewFile(uintptr(fd), path), nil
		}
		if err != unix.EINTR {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
