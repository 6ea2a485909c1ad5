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

	scopeAbstractSockets = 1 << 0 // scopeVersion
	scopeSignals         = 1 << 1 // scopeVersion

	scopeVersion = 6 // Linux 6.12
)

// HasLandlock reports whether the kernel offers Landlock.
func HasLandlock() bool { return landlockVersion() > 0 }

// landlockVersion is the one that the kernel offers, 0 for none.
func landlockVersion() int {
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
	if version < scopeVersion {
		return r, unsafe.Sizeof(r.fs)
	}
	r.scoped = scopeAbstractSockets | scopeSignals // only among processes of the sandbox
	return r, unsafe.Sizeof(r)
}

// rules is a Landlock ruleset.
type rules struct {
	fd      int
	handled uint64 // rights
}

// restrictFiles leaves the thread, which has no_new_privs, nothing to read but
// the system's files and those of Run and Read, and nothing to write but those of
// Write. It does nothing where the kernel has no Landlock.
func (s *Spec) restrictFiles() error {
	version := landlockVersion()
	if version == 0 {
		return nil
	}
	attr, size := handled(version)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return os.NewSyscallError("landlock", errno)
	}
	defer unix.Close(int(fd))
	if err := (rules{int(fd), attr.fs}).add(s); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return os.NewSyscallError("landlock", errno)
	}
	return nil
}

func (r rules) add(s *Spec) error {
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
	for _, list := range []struct {
		paths  []string
		rights uint64
	}{{s.Run, running}, {s.Read, reading}, {s.Write, ^uint64(never)}} {
		for _, p := range list.paths {
			if err := r.allow(p, list.rights); err != nil {
				return err
			}
		}
	}
	return nil
}

// allow adds a rule for the path and all below it, of the rights that the kernel
// knows.
func (r rules) allow(path string, rights uint64) error {
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
