// Package cgroup bounds what a process and its children use together, with the
// kernel's control groups of version 1 or 2, where this process may make some. It
// does not know what runs in them.
package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The controllers in use here.
const (
	Memory = "memory"
	CPU    = "cpu"
	Tasks  = "pids"
)

// prefix begins the name of every base folder; the process id of its store and
// a number follow.
const prefix = "fnstore-"

var bases atomic.Int64 // ever made by this process

// Groups is where control groups can be made: below the group of this process,
// so that whatever bounds it bounds them too. In version 1 every controller has
// a hierarchy of its own, in version 2 all share one.
type Groups struct {
	base    map[string]string // folder by controller; none where it cannot be had
	home    []*os.File        // version 1: `tasks` of the groups that this process is in
	unified bool              // version 2
	made    atomic.Int64      // groups ever
}

// Open finds the controllers that this process may use, and removes the groups
// that a killed predecessor left, with their processes. Where no controller can
// be had, every group is empty and bounds nothing.
func Open() *Groups {
	own, _ := os.ReadFile("/proc/self/cgroup")
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	g := &Groups{base: map[string]string{}}
	v1, v2 := hierarchies(string(own), string(mounts))
	switch {
	case len(v1) > 0:
		g.openV1(v1)
	case v2 != "":
		g.openV2(v2)
	}
	return g
}

func (g *Groups) openV1(folders map[string]string) {
	bases := map[string]string{} // by folder: controllers may share one
	for _, c := range []string{Memory, CPU, Tasks} {
		dir := folders[c]
		if dir == "" {
			continue
		}
		if base, ok := bases[dir]; ok {
			g.base[c] = base
			continue
		}
		home, err := open(filepath.Join(dir, "tasks"), unix.O_WRONLY)
		if err != nil {
			continue // a thread could enter a group and not leave it
		}
		base, err := makeBase(dir)
		if err != nil {
			_ = home.Close()
			continue
		}
		g.base[c], bases[dir] = base, base
		g.home = append(g.home, home)
	}
}

// openV2 tries the group of this process and then its parent: a group with
// processes in it cannot give controllers to groups below it (cgroups(7), "no
// internal processes").
func (g *Groups) openV2(folder string) {
	g.unified = true
	for _, dir := range []string{folder, filepath.Dir(folder)} {
		if unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) != nil {
			continue
		}
		base, err := makeBase(dir)
		if err != nil {
			continue
		}
		offered, _ := os.ReadFile(filepath.Join(base, "cgroup.controllers"))
		for _, c := range strings.Fields(string(offered)) {
			if slices.Contains([]string{Memory, CPU, Tasks}, c) && set(base, "cgroup.subtree_control", "+"+c) == nil {
				g.base[c] = base
			}
		}
		if len(g.base) > 0 {
			return
		}
		_ = os.Remove(base)
	}
}

// makeBase makes this store's folder in dir, and removes those of stores that
// are gone.
func makeBase(dir string) (string, error) {
	old, _ := filepath.Glob(filepath.Join(dir, prefix+"*"))
	for _, base := range old {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(base), prefix), "-")
		pid, err := strconv.Atoi(number)
		if err != nil || unix.Kill(pid, 0) != unix.ESRCH {
			continue
		}
		for _, group := range groupsIn(base) {
			remove(group)
		}
		_ = os.Remove(base)
	}
	base := filepath.Join(dir, fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), bases.Add(1)))
	return base, os.Mkdir(base, 0o755)
}

// groupsIn are the folders of the groups below the base.
func groupsIn(base string) []string {
	folders, _ := filepath.Glob(filepath.Join(base, "*", "cgroup.procs"))
	for i := range folders {
		folders[i] = filepath.Dir(folders[i])
	}
	return folders
}

// Has reports whether groups bound what the controller counts.
func (g *Groups) Has(controller string) bool { return g.base[controller] != "" }

// Folders are those of the groups that bound what the controller counts.
func (g *Groups) Folders(controller string) []string {
	if !g.Has(controller) {
		return nil
	}
	return groupsIn(g.base[controller])
}

// Close removes what Open made. No group may be left, and no process may be
// starting.
func (g *Groups) Close() {
	for _, dir := range g.base {
		_ = os.Remove(dir)
	}
	closeAll(g.home)
}
