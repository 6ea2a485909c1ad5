package launch

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a static program may need of the system: names and addresses, roots of
// trust, time zones, its own /proc, and the usual tools.
var (
	readable = []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/nix/store",
		"/etc", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/var/lib/ca-certificates",
		"/proc", "/sys", "/dev/urandom", "/dev/random"}
	writable = []string{"/dev/null", "/dev/zero", "/dev/full"}
)

// Rights of linux/landlock.h, and the versions that brought them (landlock(7)).
const (
	execute   = 1 << 0
	writeFile = 1 << 1
	readFile  = 1 << 2
	readDir   = 1 << 3
	makeChar  = 1 << 6
	makeBlock = 1 << 11
	first     = 1<<13 - 1 // all of version 1
	refer     = 1 << 13   // 2
	truncate  = 1 << 14   // 3
	ioctlDev  = 1 << 15   // 5

	reading = readFile | readDir
	running = reading | execute
	// What a rule about a file, rather than a folder, may speak of.
	ofFiles = execute | writeFile | readFile | truncate | ioctlDev
	// A device could be another way to a disk, and a program that writes a program
	// and starts it is not the one that was deployed.
	never = makeChar | makeBlock | execute

	scopeAbstractSockets = 1 << 0 // 6
	scopeSignals         = 1 << 1 // 6
)

// Landlock is the version that the kernel offers, 0 for none.
func Landlock() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// ruleset is struct landlock_ruleset_attr up to version 6.
type ruleset struct{ fs, net, scoped uint64 }

// handled is every right that the kernel's version knows to refuse; of the
// network none, since functions are there to use it.
func handled(version int) (r ruleset, size uintptr) {
	r.fs = first
	if version >= 2 {
		r.fs |= refer
	}
	if version >= 3 {
		r.fs |= truncate
	}
	if version >= 5 {
		r.fs |= ioctlDev
	}
	if version < 6 {
		return r, unsafe.Sizeof(r.fs)
	}
	r.scoped = scopeAbstractSockets | scopeSignals // only among processes behind these walls
	return r, unsafe.Sizeof(r)
}

// Rules are what a process restricts itself by. They can be made ahead of its
// start, which saves that some 45 system calls.
type Rules struct {
	fd      int
	handled uint64
}

// NewRules makes rules that leave nothing to read but the system's files, the
// program and the folders of read, and nothing to write but those of write. The
// caller closes them. They are nil where the kernel has no Landlock.
func NewRules(program string, read, write []string) (*Rules, error) {
	version := Landlock()
	if version == 0 {
		return nil, nil
	}
	attr, size := handled(version)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("landlock", errno)
	}
	high, owed, err := above(int(fd)) // what is handed over comes before the rules
	if owed || err != nil {
		_ = unix.Close(int(fd))
	}
	if err != nil {
		return nil, err
	}
	r := &Rules{fd: high, handled: attr.fs}
	if err := r.add(program, read, write); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// Close gives the rules back. Processes that restricted themselves stay so.
func (r *Rules) Close() error {
	if r == nil {
		return nil
	}
	return unix.Close(r.fd)
}

func (r *Rules) add(program string, read, write []string) error {
	for _, p := range readable {
		if err := r.allow(p, running); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
			return err
		}
	}
	for _, p := range writable {
		if err := r.allow(p, readFile|writeFile|truncate); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := r.allow(program, running); err != nil {
		return err
	}
	for _, p := range read {
		if err := r.allow(p, reading); err != nil {
			return err
		}
	}
	for _, p := range write {
		if err := r.allow(p, ^uint64(never)); err != nil {
			return err
		}
	}
	return nil
}

// allow adds a rule for the path and all below it, of the rights that the kernel
// knows.
func (r *Rules) allow(path string, rights uint64) error {
	rights &= r.handled
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "landlock", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "landlock", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= ofFiles
	}
	rule := struct { // packed in the kernel: what Go adds at the end is not read
		rights uint64
		fd     int32
	}{rights, int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return &os.PathError{Op: "landlock", Path: path, Err: errno}
	}
	return nil
}
