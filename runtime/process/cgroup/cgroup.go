// Package cgroup bounds what a process and those it starts may use together, by
// the kernel's control groups of either version, where this process may make
// some. It does not know what runs in them.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// The controllers in use here.
const (
	Memory = "memory"
	CPU    = "cpu"
	Tasks  = "pids"
)

// ours begins the names of the control groups that a store makes; its process
// id and a number follow.
const ours = "fnstore-"

var bases atomic.Int64 // ever made by this process

// Groups is where control groups can be made: below the group this process is
// in, so that whatever bounds it bounds them too. With version 1 every
// controller has a tree of its own, with version 2 all share one.
type Groups struct {
	base    map[string]string // folder by controller; none where it cannot be had
	unified bool              // version 2
}

// Open finds the controllers that this process may use, and ends and
// removes what a killed predecessor left in them. Where none can be had, every
// group made is empty and bounds nothing.
func Open() *Groups {
	own, _ := os.ReadFile("/proc/self/cgroup")
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	g := &Groups{base: map[string]string{}}
	v1, v2 := trees(string(own), string(mounts))
	for _, c := range []string{Memory, CPU, Tasks} {
		if dir := v1[c]; dir != "" {
			if base, ok := makeBase(dir); ok {
				g.base[c] = base
			}
		}
	}
	if len(v1) > 0 || v2 == "" {
		return g
	}
	g.unified = true
	// A group with processes in it cannot share its controllers out (cgroups(7),
	// "no internal processes"), so ours is often a sister of the one we are in.
	for _, dir := range []string{v2, filepath.Dir(v2)} {
		if unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) != nil {
			continue
		}
		base, ok := makeBase(dir)
		if !ok {
			continue
		}
		offered, _ := os.ReadFile(filepath.Join(base, "cgroup.controllers"))
		for _, c := range strings.Fields(string(offered)) {
			if slices.Contains([]string{Memory, CPU, Tasks}, c) && set(base, "cgroup.subtree_control", "+"+c) == nil {
				g.base[c] = base
			}
		}
		if len(g.base) > 0 {
			return g
		}
		_ = os.Remove(base)
	}
	return g
}

// trees finds the folder of each version 1 controller that this process is in,
// and that of version 2, from /proc/self/cgroup and /proc/self/mountinfo.
func trees(own, mounts string) (v1 map[string]string, v2 string) {
	v1 = map[string]string{}
	in := map[string]string{} // path by controller; version 2 has the empty name
	for line := range strings.Lines(own) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 {
			for c := range strings.SplitSeq(f[1], ",") {
				in[c] = f[2]
			}
		}
	}
	for line := range strings.Lines(mounts) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 6 || len(r) < 3 {
			continue
		}
		root, point := l[3], l[4]
		folder := func(path string) string {
			rest, err := filepath.Rel(root, path)
			if err != nil || rest == ".." || strings.HasPrefix(rest, "../") {
				return "" // it is not below what is mounted here
			}
			return filepath.Join(point, rest)
		}
		switch r[0] {
		case "cgroup":
			for c := range strings.SplitSeq(r[2], ",") {
				if path, ok := in[c]; ok && (c == Memory || c == CPU || c == Tasks) {
					v1[c] = folder(path)
				}
			}
		case "cgroup2":
			if path, ok := in[""]; ok {
				v2 = folder(path)
			}
		}
	}
	return v1, v2
}

// makeBase makes this store's folder below dir, and clears away those of stores
// that are gone.
func makeBase(dir string) (string, bool) {
	left, _ := filepath.Glob(filepath.Join(dir, ours+"*"))
	for _, l := range left {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(l), ours), "-")
		pid, err := strconv.Atoi(number)
		if err != nil || unix.Kill(pid, 0) != unix.ESRCH {
			continue
		}
		groups, _ := filepath.Glob(filepath.Join(l, "*", "cgroup.procs"))
		for _, procs := range groups {
			remove(filepath.Dir(procs))
		}
		_ = os.Remove(l)
	}
	base := filepath.Join(dir, fmt.Sprintf("%s%d-%d", ours, os.Getpid(), bases.Add(1)))
	return base, os.Mkdir(base, 0o755) == nil
}

// Can reports whether groups bound what the controller counts.
func (g *Groups) Can(controller string) bool { return g.base[controller] != "" }

// Close removes what Open made; no group may be left in it.
func (g *Groups) Close() {
	for _, dir := range g.base {
		_ = os.Remove(dir)
	}
}

// Bounds are what a group may use. 0 is no bound.
type Bounds struct {
	Memory int64 // bytes
	CPU    int64 // thousandths of a processor
	Tasks  int64 // processes and threads
}

// Group is one control group, in each tree that there is.
type Group struct {
	dirs    []string
	memory  string // the folder that bounds memory, if one does
	unified bool
}

// Make makes a group. Bounds whose controller cannot be had are left out.
func (g *Groups) Make(name string, b Bounds) (*Group, error) {
	out := &Group{unified: g.unified}
	put := func(controller string, files ...[2]string) error {
		base := g.base[controller]
		if base == "" {
			return nil
		}
		dir := filepath.Join(base, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make control group: %w", err)
		}
		if !slices.Contains(out.dirs, dir) {
			out.dirs = append(out.dirs, dir)
		}
		for _, f := range files {
			if err := set(dir, f[0], f[1]); err != nil {
				return err
			}
		}
		if controller == Memory {
			out.memory = dir
		}
		return nil
	}
	const period = 100_000 // microseconds
	quota := max(b.CPU*period/1000, 1000)
	var err error
	if b.Memory > 0 {
		bytes := strconv.FormatInt(b.Memory, 10)
		if g.unified {
			err = put(Memory, [2]string{"memory.max", bytes}, [2]string{"memory.swap.max", "0"})
		} else {
			err = put(Memory, [2]string{"memory.limit_in_bytes", bytes}, [2]string{"memory.swappiness", "0"})
		}
	}
	if err == nil && b.CPU > 0 {
		if g.unified {
			err = put(CPU, [2]string{"cpu.max", fmt.Sprint(quota, period)})
		} else {
			err = put(CPU, [2]string{"cpu.cfs_period_us", fmt.Sprint(period)}, [2]string{"cpu.cfs_quota_us", fmt.Sprint(quota)})
		}
	}
	if err == nil && b.Tasks > 0 {
		err = put(Tasks, [2]string{"pids.max", strconv.FormatInt(b.Tasks, 10)})
	}
	if err != nil {
		out.Remove()
		return nil, err
	}
	return out, nil
}

// Holds reports whether there is a group at all: then nothing that was started
// in it escapes Remove.
func (g *Group) Holds() bool { return len(g.dirs) > 0 }

// Procs are the files that a process enters the group by, writing a 0.
func (g *Group) Procs() []string {
	procs := make([]string, len(g.dirs))
	for i, d := range g.dirs {
		procs[i] = filepath.Join(d, "cgroup.procs")
	}
	return procs
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
	err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0)
	if err != nil && strings.Contains(file, "swap") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set %s to %s: %w", file, value, err)
	}
	return nil
}
