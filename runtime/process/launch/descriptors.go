package launch

import (
	"math"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// What programs find handed over, by descriptor.
const (
	stdin = iota
	stdout
	stderr
	listenFD // where sd_listen_fds(3) has the first
	handed   // so many
)

// null is /dev/null. It stays open.
var null = sync.OnceValues(func() (int, error) {
	fd, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	return fd, nil
})

// descriptors puts what is handed over where programs look for it, and has all
// others closed by exec: whoever started this process may have left some open.
// A kernel before 5.11 cannot do it, and then those stay.
func (l *list) descriptors() {
	l.handed = len(l.steps)
	for to := range handed {
		l.add("hand over a descriptor", unix.SYS_DUP3, 0, uintptr(to), 0)
	}
	l.try(unix.SYS_CLOSE_RANGE, handed, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
}

// hand says what is handed over; -1 is /dev/null.
func (l *list) hand(output, listener int) error {
	for to, from := range [handed]int{stdin: -1, stdout: output, stderr: output, listenFD: listener} {
		var err error
		if from < 0 {
			if from, err = null(); err != nil {
				return err
			}
		}
		if from < handed { // it would be overwritten
			if from, err = unix.FcntlInt(uintptr(from), unix.F_DUPFD_CLOEXEC, handed); err != nil {
				return os.NewSyscallError("duplicate a descriptor", err)
			}
			l.opened = append(l.opened, from)
		}
		l.steps[l.handed+to].args[0] = uintptr(from)
	}
	return nil
}
