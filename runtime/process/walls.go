package process

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"fnstore/runtime/process/cgroup"
	"fnstore/runtime/process/launch"
	"fnstore/runtime/provider"
)

// walls is what this machine can put between a function and everything else.
type walls struct {
	launcher string // empty for none of them
	landlock bool
	mounts   bool // secrets are seen at launch.MountAt
	groups   *cgroup.Groups
	memory   *watch // where no control group bounds memory
	missing  []string
}

func newWalls(cfg Config) *walls {
	w := &walls{launcher: cfg.Launcher}
	lack := func(format string, args ...any) { w.missing = append(w.missing, fmt.Sprintf(format, args...)) }
	if w.launcher == "" {
		lack("functions run without limits or a sandbox: no launcher is set")
		w.groups, w.memory = &cgroup.Groups{}, newWatch()
		return w
	}
	if w.landlock = launch.Landlock() > 0; !w.landlock {
		lack("this kernel has no Landlock: a function reads and writes what its user may")
	}
	if w.mounts = launch.CanMount() && mountPoint() == nil; !w.mounts {
		lack("secrets cannot be mounted at %s: functions find them by secret_mount_path", launch.MountAt)
	}
	if !cfg.Unprivileged {
		if w.landlock {
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

// enclose makes cmd start behind the walls. The group is of this one process
// and those it starts.
func (w *walls) enclose(cmd *exec.Cmd, s *seat) (*cgroup.Group, func(), error) {
	uid, limits := s.p.spec.UID, s.p.spec.Limits
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if w.launcher == "" {
		if uid != 0 {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
		}
		return &cgroup.Group{}, func() {}, nil
	}
	group, err := w.groups.Make(s.id, cgroup.Bounds{Memory: limits.Memory, CPU: limits.CPU, Tasks: launch.MaxTasks})
	if err != nil {
		return nil, nil, err
	}
	secrets, mount := s.p.secrets(), ""
	if w.mounts {
		mount = secrets
	}
	spec, err := memfile(launch.Spec{
		Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Parent: os.Getpid(), UID: uid, Groups: group.Procs(),
		CountTasks: uid != 0 && !w.groups.Can(cgroup.Tasks),
		Landlock:   w.landlock, Read: []string{secrets}, Write: []string{cmd.Dir}, Mount: mount,
	}.Encode())
	if err != nil {
		group.Remove()
		return nil, nil, err
	}
	cmd.Path = w.launcher
	cmd.Args = []string{w.launcher, launch.Argument, fmt.Sprint(3 + len(cmd.ExtraFiles))}
	cmd.ExtraFiles = append(cmd.ExtraFiles, spec)
	cmd.Env = []string{} // nil would be ours
	return group, func() { _ = spec.Close() }, nil
}

// memfile is a file that has no name and no place on a disk.
func memfile(b []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("launch", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("hand over the launch spec: %w", err)
	}
	f := os.NewFile(uintptr(fd), "launch")
	if _, err := f.Write(b); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("hand over the launch spec: %w", err)
	}
	return f, nil
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
