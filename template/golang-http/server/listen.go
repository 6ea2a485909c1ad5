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

// Names of LISTEN_FDNAMES. Requests come by the first descriptor that has no
// other use when none is named for them.
const (
	httpName    = "http"
	metricsName = "metrics"
)

// inherited takes over the listener that a parent opened, by the protocol of
// sd_listen_fds(3): the port never closes while one process of a function
// follows another. LISTEN_PID is honoured when it is there; a parent that is
// not systemd cannot know the pid before it starts us. A nil listener with a
// nil error means that none was passed for that use.
func inherited(lookup func(string) (string, bool)) (requests, metrics net.Listener, err error) {
	defer forget("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
	fds, _ := lookup("LISTEN_FDS")
	pid, hasPID := lookup("LISTEN_PID")
	names, _ := lookup("LISTEN_FDNAMES")
	if fds == "" || hasPID && pid != strconv.Itoa(os.Getpid()) {
		return nil, nil, nil
	}
	n, err := strconv.Atoi(fds)
	if err != nil || n < 0 || n > maxFDs {
		return nil, nil, fmt.Errorf("LISTEN_FDS=%q is not a number of descriptors", fds)
	}
	// None of them is for the programs that the function may start.
	for fd := firstFD; fd < firstFD+n; fd++ {
		syscall.CloseOnExec(fd)
	}
	first, second := positions(names, n)
	if requests, err = taken(first, httpName); err != nil {
		return nil, nil, err
	}
	metrics, err = taken(second, metricsName)
	return requests, metrics, err
}

// taken makes a listener of the i-th descriptor; a negative i means none.
func taken(i int, name string) (net.Listener, error) {
	if i < 0 {
		return nil, nil
	}
	fd := firstFD + i
	f := os.NewFile(uintptr(fd), name)
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

// positions says which of n descriptors serve requests and metrics.
func positions(names string, n int) (requests, metrics int) {
	requests, metrics = -1, -1
	for i, name := range strings.Split(names, ":") {
		switch {
		case i >= n:
		case name == httpName && requests < 0:
			requests = i
		case name == metricsName && metrics < 0:
			metrics = i
		}
	}
	for i := 0; requests < 0 && i < n; i++ {
		if i != metrics {
			requests = i
		}
	}
	return requests, metrics
}
