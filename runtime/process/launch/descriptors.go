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

// null is /dev/null, which stays open.
var null struct {
	sync.Mutex
	file *os.File
}

func nothing() (fd int, err error) {
	null.Lock()
	defer null.Unlock()
	if null.file == nil {
		if null.file, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
			return -1, err
		}
	}
	return int(null.file.Fd()), nil
}

// above gives a duplicate of a descriptor that would be overwritten; owed tells
// whether it is one.
func above(fd int) (high int, owed bool, err error) {
	if fd >= handed {
		return fd, false, nil
	}
	high, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, handed)
	return high, err == nil, os.NewSyscallError("duplicate a descriptor", err)
}

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
		if from < 0 {
			fd, err := nothing()
			if err != nil {
				return err
			}
			from = fd
		}
		high, owed, err := above(from)
		if err != nil {
			return err
		}
		if owed {
			l.opened = append(l.opened, high)
		}
		l.steps[l.handed+to].args[0] = uintptr(high)
	}
	return nil
}
