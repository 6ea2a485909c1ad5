// Package cgroup bounds what a process and those it starts may use together, by
// the kernel's control groups of either version, where this process may make
// some. It does not know what runs in them.
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
	made    atomic.Int64      // groups ever
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
