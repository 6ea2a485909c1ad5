// Package launch puts walls around a process before its program starts: limits,
// a user of its own, no privileges and no way to get some, and a file system
// that it can read little of and write less. It does not know what the program
// is or why it runs.
//
// A program cannot be walled in from outside, and Go can run nothing between
// fork and exec; so a launcher stands between the two. It puts up the walls
// around itself and then becomes the program: same process id, same
// descriptors, same parent. Every binary that links this package is a launcher
// when its first argument is Argument and its second the number of the
// descriptor to read the Spec from.
//
// A function that sleeps is launched while somebody waits. Go initialises
// packages in the order of their paths as soon as their imports are (Go
// specification, "Package initialization"), so with next to no imports this
// package gets its turn before most of what a large binary links. That is why
// it makes its system calls itself and has a format of its own for the Spec.
package launch

import (
	"errors"
	"os"
	"runtime"
	"strconv"
)

// Argument makes a binary that links this package the launcher.
const Argument = "__launch"

// Self is the launcher that this very binary is, even when its file has been
// replaced or removed since.
const Self = "/proc/self/exe"

// Limits that hold for every process, whatever it is.
const (
	MaxFiles    = 8192    // open descriptors
	MaxTasks    = 512     // processes and threads
	MaxFileSize = 1 << 30 // bytes of one file that it writes
)

// maxSpec bounds what is read of a spec, in bytes: Linux takes no more than a
// quarter of that as arguments and environment.
const maxSpec = 8 << 20

// Spec says what to run behind which walls. It is handed over in a file that
// nobody else can open: arguments can be read by everybody on the machine, and
// the environment, which may hold what not everybody shall know, would steer
// the launcher too.
type Spec struct {
	Path string   // of the program
	Args []string // its argv, name included
	Env  []string // all of it

	Parent int      // process id of who asks: the program ends when that one does
	UID    int      // user and group to become; 0 stays who it is
	Groups []string // cgroup.procs files to enter
	// CountTasks bounds processes and threads by the kernel's count of the user's.
	// That is worth something only for a user of its own, and less than a group.
	CountTasks bool
	// Landlock leaves nothing to read but the system's files, Path and Read, and
	// nothing to write but Write. Landlock tells whether the kernel can.
	Landlock bool
	Read     []string // folders
	Write    []string // folders
	// Mount is a folder that the program, and nobody else, sees at MountAt, which
	// exists. It takes the right to mount; empty is none.
	Mount string
}

// MountAt is where functions of OpenFaaS look for their secrets.
const MountAt = "/var/openfaas/secrets"

// CanMount reports whether this process may do what Spec.Mount asks for, by
// doing its first half. In a chroot it cannot: what is / there is no mount.
func CanMount() bool {
	can := make(chan bool)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread, and what it tried, end here
		can <- alone() == nil
	}()
	return <-can
}

// Encode gives what the launcher reads: NAME=VALUE, each ended by a NUL, which
// neither paths, arguments nor environments can hold.
func (s Spec) Encode() []byte {
	var b []byte
	put := func(name string, values ...string) {
		for _, v := range values {
			b = append(append(append(append(b, name...), '='), v...), 0)
		}
	}
	put("path", s.Path)
	put("arg", s.Args...)
	put("env", s.Env...)
	put("parent", strconv.Itoa(s.Parent))
	put("uid", strconv.Itoa(s.UID))
	put("group", s.Groups...)
	put("counttasks", strconv.FormatBool(s.CountTasks))
	put("landlock", strconv.FormatBool(s.Landlock))
	put("read", s.Read...)
	put("write", s.Write...)
	put("mount", s.Mount)
	return b
}

var errSpec = errors.New("this is no launch spec")

// decode reads what Encode wrote.
func decode(b []byte) (s Spec, err error) {
	for len(b) > 0 {
		name, rest, ok := cut(b, '=')
		value, next, ended := cut(rest, 0)
		if !ok || !ended {
			return Spec{}, errSpec
		}
		b = next
		switch string(name) {
		case "path":
			s.Path = string(value)
		case "arg":
			s.Args = append(s.Args, string(value))
		case "env":
			s.Env = append(s.Env, string(value))
		case "parent":
			s.Parent, err = strconv.Atoi(string(value))
		case "uid":
			s.UID, err = strconv.Atoi(string(value))
		case "group":
			s.Groups = append(s.Groups, string(value))
		case "counttasks":
			s.CountTasks, err = strconv.ParseBool(string(value))
		case "landlock":
			s.Landlock, err = strconv.ParseBool(string(value))
		case "read":
			s.Read = append(s.Read, string(value))
		case "write":
			s.Write = append(s.Write, string(value))
		case "mount":
			s.Mount = string(value)
		default:
			err = errSpec // a wall that is not known would be a wall that is not put up
		}
		if err != nil {
			return Spec{}, errSpec
		}
	}
	if s.Path == "" {
		return Spec{}, errSpec
	}
	return s, nil
}

// cut is bytes.Cut, of which this package wants no part before main.
func cut(b []byte, at byte) (before, after []byte, ok bool) {
	for i := range b {
		if b[i] == at {
			return b[:i], b[i+1:], true
		}
	}
	return b, nil, false
}

// received reads the spec from the descriptor of that number.
func received(number string) (Spec, error) {
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return Spec{}, errSpec
	}
	f := os.NewFile(uintptr(fd), "spec")
	if f == nil {
		return Spec{}, errSpec
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() > maxSpec {
		return Spec{}, errSpec
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		return Spec{}, errSpec
	}
	return decode(b)
}
