package process

import (
	"os"
	"path/filepath"
	"strconv"

	"fnstore/runtime/process/cgroup"
	"fnstore/runtime/process/launch"
)

// sandbox is what one process runs in: a folder of its own, the control group
// of the process and its children, the thread that starts it, and the pipe that
// it writes its output to.
type sandbox struct {
	home     string
	group    *cgroup.Group
	entry    *cgroup.Entry
	launcher *launch.Launcher
	output   *os.File // the store's end of the pipe
	stdout   *os.File // the process's
}

// newSandbox makes the sandbox of one process of the program.
func newSandbox(p *program) (s *sandbox, err error) {
	i, limits := p.b.isolation, p.spec.Limits
	s = &sandbox{home: filepath.Join(p.spec.Home, strconv.FormatInt(p.b.sandboxes.Add(1), 10))}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := makeHome(s.home, p.spec.Owner()); err != nil {
		return nil, err
	}
	if s.group, err = i.groups.New(cgroup.Limits{Memory: limits.Memory, CPU: limits.CPU, Tasks: launch.MaxTasks}); err != nil {
		return nil, err
	}
	if s.entry, err = s.group.Entry(); err != nil {
		return nil, err
	}
	if s.output, s.stdout, err = os.Pipe(); err != nil {
		return nil, err
	}
	spec := launch.Spec{
		Path: p.binary.Path, Args: []string{p.spec.Deployment.Service}, Env: p.environment(s.home), Dir: p.binary.workingDir(s.home), UID: p.spec.UID,
		Run: []string{p.binary.readable()}, Read: []string{p.secrets()}, Write: []string{s.home}, Group: s.entry,
		LimitTasks: p.spec.UID != 0 && !i.groups.Has(cgroup.Tasks),
	}
	if i.mounts {
		spec.Mount = p.secrets()
	}
	s.launcher, err = launch.New(spec)
	return s, err
}

// makeHome makes the folder. A name is not used twice, but a store that was
// killed may have left one.
func makeHome(dir string, uid int) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if uid < 0 {
		return nil
	}
	return os.Chown(dir, uid, uid)
}

// closeStart closes what only the start needs.
func (s *sandbox) closeStart() {
	_ = s.stdout.Close() // of nil too
	if s.entry != nil {
		s.entry.Close()
		s.entry = nil
	}
}

// Close takes the sandbox away, with the processes in its group.
func (s *sandbox) Close() {
	s.closeStart()
	_ = s.output.Close()
	if s.launcher != nil {
		s.launcher.Close()
	}
	if s.group != nil {
		s.group.Remove()
	}
	_ = os.RemoveAll(s.home)
}
