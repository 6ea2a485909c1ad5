package express

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What package os/signal waits with, and gVisor does, which is why these two
// stay (go.dev/issue/67401).

//go:linkname entersyscallblock runtime.entersyscallblock
//go:nosplit
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
//go:nosplit
func exitsyscall()

// wait waits for events, for so many milliseconds at most, -1 for ever.
//
// An ordinary system call keeps its processor of the Go runtime until the
// runtime's watcher takes it away, and until then the watcher looks some thousand
// times a second: between calls that follow each other closely that is the
// cheaper way, between others it took longer than a call. So a loop whose last
// wait was long says beforehand that the next one will be.
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
	entersyscallblock()
	r, _, err := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(ms), 0, 0)
	exitsyscall()
	return int(r), err
}
