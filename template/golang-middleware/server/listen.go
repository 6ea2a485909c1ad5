package server

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// firstFD is SD_LISTEN_FDS_START of sd_listen_fds(3).
const firstFD = 3

// maxFDs bounds what LISTEN_FDS may claim.
const maxFDs = 64

// httpName is the LISTEN_FDNAMES entry that serves requests; without names it
// is the first descriptor.
const httpName = "http"

// inherited takes over the listener that a parent opened, by the protocol of
// sd_listen_fds(3): the port never closes while one process of a function
// follows another. LISTEN_PID is honoured when it is there; a parent that is
// not systemd cannot know the pid before it starts us. A nil listener with a
// nil error means that none was passed.
func inherited(lookup func(string) (string, bool)) (net.Listener, error) {
	defer forget("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
	fds, _ := lookup("LISTEN_FDS")
	pid, hasPID := lookup("LISTEN_PID")
	names, _ := lookup("LISTEN_FDNAMES")
	if fds == "" || hasPID && pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(fds)
	if err != nil || n < 0 || n > maxFDs {
		return nil, fmt.Errorf("LISTEN_FDS=%q is not a number of descriptors", fds)
	}
	if n == 0 {
		return nil, nil
	}
	// None of them is for the programs that the function may start.
	for fd := firstFD; fd < firstFD+n; fd++ {
		syscall.CloseOnExec(fd)
	}
	fd := firstFD + position(names, n)
	f := os.NewFile(uintptr(fd), httpName)
	if f == nil {
		return nil, fmt.Errorf("descriptor %d of LISTEN_FDS is not open", fd)
	}
	defer f.Close() // FileListener makes a copy
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d of LISTEN_FDS: %w", fd, err)
	}
	if u, ok := ln.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // the path is the parent's
	}
	return ln, nil
}

func position(names string, n int) int {
	for i, name := range strings.Split(names, ":") {
		if name == httpName && i < n {
			return i
		}
	}
	return 0
}
