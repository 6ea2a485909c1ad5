package cgroup

import (
	"maps"
	"testing"
)

func TestHierarchies_FindFoldersOfThisProcess(t *testing.T) {
	const v1 = `25 20 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
28 25 0:25 /docker/a /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
29 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`
	got, v2 := hierarchies("4:memory:/a:b/c\n3:cpu,cpuacct:/\n2:pids:/docker/a/x\n0::/\n", v1)
	want := map[string]string{Memory: "/sys/fs/cgroup/memory/a:b/c", CPU: "/sys/fs/cgroup/cpu,cpuacct", Tasks: "/sys/fs/cgroup/pids/x"}
	if !maps.Equal(got, want) || v2 != "/sys/fs/cgroup/unified" {
		t.Errorf("version 1: %v, %q", got, v2)
	}
	got, v2 = hierarchies("0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n",
		"30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n")
	if len(got) != 0 || v2 != "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope" {
		t.Errorf("version 2: %v, %q", got, v2)
	}
	// What is mounted is not what this process is in: a container with the host's groups.
	if got, v2 = hierarchies("0::/other\n", "30 20 0:26 /mine /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"); len(got) != 0 || v2 != "" {
		t.Errorf("elsewhere: %v, %q", got, v2)
	}
}

func FuzzHierarchies(f *testing.F) {
	f.Add("0::/\n", "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
	f.Add("4:memory:/a\n:::::\n", "1 2 3 4 5 6 - cgroup cgroup rw,memory\n - \n")
	f.Fuzz(func(_ *testing.T, own, mounts string) { hierarchies(own, mounts) })
}
