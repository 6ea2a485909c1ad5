package process

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"fnstore/runtime/process/cgroup"
	"fnstore/runtime/process/launch"
	"fnstore/runtime/provider"
)

// walls is what this machine can put between a function and everything else.
type walls struct {
	mounts  bool // secrets are seen at launch.MountAt
	groups  *cgroup.Groups
	memory  *watch // where no control group bounds memory
	missing []string
}

func newWalls(cfg Config) *walls {
	w := &walls{}
	lack := func(format string, args ...any) { w.missing = append(w.missing, fmt.Sprintf(format, args...)) }
	landlock := launch.Landlock() > 0
	if !landlock {
		lack("this kernel has no Landlock: a function reads and writes what its user may")
	}
	if w.mounts = launch.CanMount() && mountPoint() == nil; !w.mounts {
		lack("secrets cannot be mounted at %s: functions find them by secret_mount_path", launch.MountAt)
	}
	if !cfg.Unprivileged {
		if landlock {
			lack("without root every function runs as this user: Landlock alone keeps them from each other's files")
		} else {
			lack("without root every function runs as this user, and can read the others' secrets")
		}
	}
	w.groups = cgroup.Open()
	if !w.groups.Can(cgroup.Memory) {
		lack("no control group bounds memory: a function above its limit is found out by looking, and ended, within a second")
		w.memory = newWatch()
	}
	if !w.groups.Can(cgroup.CPU) {
		lack("no control group bounds processors: a limit on them is only a hint (GOMAXPROCS)")
	}
	if !w.groups.Can(cgroup.Tasks) {
		if !cfg.Unprivileged {
			lack("nothing bounds how many processes a function starts")
		}
		lack("no control group holds a function's processes together: one that hides outlives it")
	}
	for _, m := range w.missing {
		slog.Warn("a wall that this machine does not have", "wall", m)
	}
	return w
}

// mountPoint makes the folder that functions shall see their secrets at. It
// stays empty for everybody else.
func mountPoint() error {
	for _, dir := range []string{filepath.Dir(launch.MountAt), launch.MountAt} {
		if _, err := os.Stat(dir); err == nil {
			continue // it is somebody's already, and as they want it
		}
		if err := passable(dir); err != nil {
			return err
		}
	}
	return nil
}

// Walls tells what this machine cannot enforce, a sentence each.
func (b *Backend) Walls() []string { return b.walls.missing }

func (w *walls) close() { w.groups.Close() }

// plan writes down how a process starts behind the walls.
func (p *program) plan(bed *bed) (*launch.Plan, error) {
	w, mount := p.b.walls, ""
	if w.mounts {
		mount = p.secrets()
	}
	return launch.Prepare(launch.Spec{
		Path: p.binary.Path, Args: []string{p.spec.Deployment.Service}, Env: p.environment(bed.home), Dir: p.binary.workingDir(bed.home),
		UID: p.spec.UID, Groups: bed.doors, Cgroup: bed.dir,
		CountTasks: p.spec.UID != 0 && !w.groups.Can(cgroup.Tasks),
		Rules:      bed.rules, Mount: mount,
	})
}

// hints are settings for the Go runtime that follow from the limits. What the
// deployment or the image says wins, so they come first.
func (w *walls) hints(l provider.Limits) (env []string) {
	if l.Memory > 0 { // a tenth for stacks, code, and what the collector does not count
		env = append(env, fmt.Sprintf("GOMEMLIMIT=%d", l.Memory/10*9))
	}
	if l.CPU > 0 && !w.groups.Can(cgroup.CPU) {
		env = append(env, fmt.Sprintf("GOMAXPROCS=%d", (l.CPU+999)/1000))
	}
	return env
}

// resident is the memory of a process, in bytes; 0 when it is gone.
func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Fscan(strings.NewReader(string(b)), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
