package process

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"fnstore/runtime/process/cgroup"
	"fnstore/runtime/process/launch"
	"fnstore/runtime/provider"
)

// isolation is how this machine can keep functions from each other and from the
// rest of it.
type isolation struct {
	mounts  bool // secrets are seen at launch.MountAt
	groups  *cgroup.Groups
	memory  *memoryWatch // where no control group bounds memory; or nil
	missing []string     // what cannot be enforced, a sentence each
}

// newIsolation finds out, and warns of what is missing.
func newIsolation(users bool) *isolation {
	i := &isolation{}
	lack := func(format string, args ...any) { i.missing = append(i.missing, fmt.Sprintf(format, args...)) }
	landlock := launch.HasLandlock()
	if !landlock {
		lack("this kernel has no Landlock: a function reads and writes what its user may")
	}
	if i.mounts = launch.CanMount() && makeMountPoint() == nil; !i.mounts {
		lack("secrets cannot be mounted at %s: functions find them by secret_mount_path", launch.MountAt)
	}
	switch {
	case !users && landlock:
		lack("without root every function runs as this user: Landlock alone keeps them from each other's files")
	case !users:
		lack("without root every function runs as this user, and can read the others' secrets")
	}
	if !launch.CanLimit() {
		lack("root has no CAP_SYS_RESOURCE and the kernel is older than 6.12: nothing limits open files and the size of files")
	}
	i.groups = cgroup.Open()
	if !i.groups.Has(cgroup.Memory) {
		lack("no control group bounds memory: a function above its limit is found out by looking, and ended, within a second")
		i.memory = newMemoryWatch()
	}
	if !i.groups.Has(cgroup.CPU) {
		lack("no control group bounds processors: a limit on them is only a hint (GOMAXPROCS)")
	}
	if !i.groups.Has(cgroup.Tasks) {
		if !users {
			lack("nothing bounds how many processes a function starts")
		}
		lack("no control group holds a function's processes together: one that hides outlives it")
	}
	for _, m := range i.missing {
		slog.Warn("functions are less isolated on this machine", "missing", m)
	}
	return i
}

// makeMountPoint makes the folder that functions see their secrets at. It stays
// empty for everybody else.
func makeMountPoint() error {
	for _, dir := range []string{filepath.Dir(launch.MountAt), launch.MountAt} {
		if _, err := os.Stat(dir); err == nil {
			continue // it is somebody's already, and as they want it
		}
		if err := makePassable(dir); err != nil {
			return err
		}
	}
	return nil
}

// hints are settings for the Go runtime that follow from the limits. What the
// deployment or the image says wins, so they come first.
func (i *isolation) hints(l provider.Limits) (env []string) {
	if l.Memory > 0 { // a tenth for stacks, code, and what the collector does not count
		env = append(env, fmt.Sprintf("GOMEMLIMIT=%d", l.Memory/10*9))
	}
	if l.CPU > 0 && !i.groups.Has(cgroup.CPU) {
		env = append(env, fmt.Sprintf("GOMAXPROCS=%d", (l.CPU+999)/1000))
	}
	return env
}
