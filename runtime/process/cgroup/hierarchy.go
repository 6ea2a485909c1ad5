package cgroup

import (
	"path/filepath"
	"strings"
)

// hierarchies finds the folder of each version 1 controller that this process
// is in, and that of version 2, from /proc/self/cgroup and /proc/self/mountinfo
// (cgroups(7), proc_pid_mountinfo(5)).
func hierarchies(own, mounts string) (v1 map[string]string, v2 string) {
	v1 = map[string]string{}
	paths := map[string]string{} // by controller; version 2 has the empty name
	for line := range strings.Lines(own) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 {
			for c := range strings.SplitSeq(f[1], ",") {
				paths[c] = f[2]
			}
		}
	}
	for line := range strings.Lines(mounts) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 6 || len(r) < 3 {
			continue
		}
		root, mountPoint := l[3], l[4]
		switch r[0] {
		case "cgroup":
			for c := range strings.SplitSeq(r[2], ",") {
				if path, ok := paths[c]; ok && (c == Memory || c == CPU || c == Tasks) {
					v1[c] = folder(mountPoint, root, path)
				}
			}
		case "cgroup2":
			if path, ok := paths[""]; ok {
				v2 = folder(mountPoint, root, path)
			}
		}
	}
	return v1, v2
}

// folder is where a group's path is mounted; empty when it is not below root,
// the part of the hierarchy that is.
func folder(mountPoint, root, path string) string {
	rest, err := filepath.Rel(root, path)
	if err != nil || rest == ".." || strings.HasPrefix(rest, "../") {
		return ""
	}
	return filepath.Join(mountPoint, rest)
}
