package process

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"fnstore/runtime/process/cgroup"
	"fnstore/runtime/process/launch"
)

// bed is what one process needs that is there before it is: a folder of its own,
// the group that it and those it starts are in, the rules it restricts itself by,
// and how it starts, written down. One is made ahead for each version of a function
// that has run: making it takes longer than fork and exec do.
type bed struct {
	home  string
	group *cgroup.Group
	doors []*os.File // of the group
	dir   *os.File   // of the group, with version 2; or nil
	rules *launch.Rules
	plan  *launch.Plan
	said  *os.File  // what the process says
	says  int       // its end of that
	once  sync.Once // it is shut
}

// bed makes a bed.
func (p *program) bed() (*bed, error) {
	w, limits := p.b.walls, p.spec.Limits
	b := &bed{home: filepath.Join(p.spec.Home, strconv.FormatInt(p.b.beds.Add(1), 10))}
	err := emptyDir(b.home, p.spec.Owner())
	if err == nil {
		b.group, err = w.groups.Make(cgroup.Bounds{Memory: limits.Memory, CPU: limits.CPU, Tasks: launch.MaxTasks})
	}
	if err == nil {
		b.doors, b.dir, err = b.group.Doors()
	}
	if err == nil {
		b.rules, err = launch.NewRules(p.binary.readable(), []string{p.secrets()}, []string{b.home})
	}
	if err == nil {
		b.plan, err = p.plan(b)
	}
	if err == nil {
		b.said, b.says, err = pipe()
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// pipe makes a pipe that another process writes to, and may have to wait for it.
func pipe() (r *os.File, w int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, os.NewSyscallError("pipe2", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil { // else a thread would wait in each read
		_, _ = unix.Close(fds[0]), unix.Close(fds[1])
		return nil, -1, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[0]), "output"), fds[1], nil
}

// emptyDir makes the folder. A name is not used twice, but a store that was
// killed may have left one.
func emptyDir(dir string, uid int) error {
	err := os.Mkdir(dir, 0o700)
	if os.IsExist(err) {
		if err = os.RemoveAll(dir); err == nil {
			err = os.Mkdir(dir, 0o700)
		}
	}
	if err != nil {
		return err
	}
	if uid >= 0 {
		return os.Chown(dir, uid, uid)
	}
	return nil
}

// shut closes what the start alone needs.
func (b *bed) shut() {
	b.once.Do(func() {
		for _, d := range append(b.doors, b.dir) {
			_ = d.Close() // of nil too
		}
		if b.said != nil {
			_ = unix.Close(b.says)
		}
		_ = b.rules.Close()
		b.plan = nil
	})
}

// Close takes away a bed that no process is in.
func (b *bed) Close() error {
	b.shut()
	_ = b.said.Close()
	if b.group != nil {
		b.group.Remove()
	}
	return os.RemoveAll(b.home)
}
