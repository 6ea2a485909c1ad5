package cgroup

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Entry is what it takes to start a process in a group, opened beforehand: a
// thread that has restricted itself could not open it.
//
// With version 2 a process is made in its group (clone3(2), CLONE_INTO_CGROUP).
// Version 1 has no such way, and moving a process makes the kernel wait for some
// ten milliseconds, until no processor is in the middle of a fork. A thread that
// moves itself need not wait. So the thread that starts the process enters the
// group, forks, and leaves.
type Entry struct {
	// Folder is the group's, in which the process is made, with version 2.
	Folder *os.File
	// With version 1, the `tasks` of the group and of those of this process.
	enter, leave []*os.File
}

// Entry opens the group. The caller closes it.
func (g *Group) Entry() (*Entry, error) {
	e := &Entry{leave: g.home}
	for _, dir := range g.dirs {
		var err error
		if g.unified {
			e.Folder, err = open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
		} else {
			var f *os.File
			f, err = open(filepath.Join(dir, "tasks"), unix.O_WRONLY)
			e.enter = append(e.enter, f)
		}
		if err != nil {
			e.Close()
			return nil, fmt.Errorf("open control group: %w", err)
		}
	}
	return e, nil
}

// Enter moves the calling thread into the group, with version 1; with version 2
// it does nothing. The caller has locked the thread, and calls Leave.
func (e *Entry) Enter() error { return move(e.enter) }

// Leave moves the calling thread back to where this process is.
func (e *Entry) Leave() error {
	if len(e.enter) == 0 {
		return nil
	}
	return move(e.leave)
}

// Close closes what is open. The group stays.
func (e *Entry) Close() {
	closeAll(e.enter)
	_ = e.Folder.Close() // of nil too
}

// move moves the calling thread by `tasks` files, in which 0 is the writer.
func move(tasks []*os.File) error {
	for _, f := range tasks {
		if _, err := unix.Write(int(f.Fd()), []byte("0")); err != nil {
			return &os.PathError{Op: "enter", Path: f.Name(), Err: err}
		}
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // of nil too
	}
}

// open opens a file of the kernel's, in which nothing waits: package os would
// register it with the poller first.
func open(path string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err == nil {
			return os.NewFile(uintptr(fd), path), nil
		}
		if err != unix.EINTR {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
