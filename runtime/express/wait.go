package express

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"fnstore/kit/blocking"
)

// wait waits for events, for so many milliseconds at most, -1 for ever.
//
// Between calls that follow each other closely an ordinary system call is the
// cheaper way, between others what package blocking spares took longer than a
// call. So a loop whose last wait was long says beforehand that the next one will
// be.
func (l *Loop) wait(events []unix.EpollEvent, ms int) (n int, err error) {
	if !l.sparse {
		short := 1
		if ms >= 0 {
			short = min(short, ms)
		}
		if n, err = unix.EpollWait(l.ep, events, short); n != 0 || err != nil || ms == short {
			return n, err
		}
	}
	began := time.Now()
	n, errno := block(l.ep, events, ms)
	l.sparse = time.Since(began) > time.Millisecond
	if errno != 0 {
		return 0, errno
	}
	return n, nil
}

//go:nosplit
func block(ep int, events []unix.EpollEvent, ms int) (n int, err syscall.Errno) {
	blocking.Enter()
	r, _, err := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(ms), 0, 0)
	blocking.Exit()
	return int(r), err
}
