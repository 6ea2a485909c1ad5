package express

import (
	"errors"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of the connections to functions that no call uses.
const (
	Rested  = 30 * time.Second // that such a one is kept for
	MaxIdle = 256              // of one socket
)

// function is a connection to one.
type function struct {
	fd     int
	path   string
	x      *exchange // under way
	since  time.Time // that nothing is
	served bool      // others before
}

// ask sends the request to who listens at the path. It gives nil when nothing
// was sent, and an error too when a part was.
//
// A unix socket whose other end has been closed refuses to take anything, so that
// a function which has ended is noticed before it could have seen the request. One
// that has said what nobody asked for would have it taken for the next answer.
func (l *Loop) ask(path string, request []byte) (*function, error) {
	for {
		f := l.kept(path)
		if f != nil && !quiet(f.fd) {
			f.close(l)
			continue
		}
		fresh := f == nil
		if fresh {
			fd, err := dial(path)
			if err != nil {
				return nil, nil
			}
			f = &function{fd: fd, path: path}
			if err := l.watch(fd, f); err != nil {
				_ = unix.Close(fd)
				return nil, nil
			}
		}
		n, err := write(f.fd, request)
		switch {
		case err == 0 && n == len(request):
			return f, nil
		case err == 0 && n > 0:
			f.close(l)
			return nil, errHalf
		}
		f.close(l)
		if fresh {
			return nil, nil
		}
	}
}

var errHalf = errors.New("the function took a part of the request only")

// kept gives the connection that was used last.
func (l *Loop) kept(path string) *function {
	idle := l.idle[path]
	n := len(idle)
	if n == 0 {
		return nil
	}
	f := idle[n-1]
	if idle[n-1] = nil; n == 1 {
		delete(l.idle, path)
	} else {
		l.idle[path] = idle[:n-1]
	}
	return f
}

// keep puts it back after a call.
func (f *function) keep(l *Loop) {
	f.x = nil
	if len(l.idle[f.path]) >= MaxIdle {
		l.shut(f.fd)
		return
	}
	f.since, f.served = time.Now(), true
	l.idle[f.path] = append(l.idle[f.path], f)
}

// close ends it, whatever it does.
func (f *function) close(l *Loop) {
	f.x = nil
	l.shut(f.fd)
	idle := l.idle[f.path]
	if i := slices.Index(idle, f); i >= 0 {
		if idle = slices.Delete(idle, i, i+1); len(idle) == 0 {
			delete(l.idle, f.path)
		} else {
			l.idle[f.path] = idle
		}
	}
}

// closeRested closes what nothing has used for long.
func (l *Loop) closeRested(now time.Time) {
	for _, idle := range l.idle {
		for _, f := range slices.Clone(idle) { // the first one was used first
			if now.Sub(f.since) < Rested {
				break
			}
			f.close(l)
		}
	}
}

func (f *function) ready(l *Loop, events uint32) {
	x := f.x
	if x == nil {
		f.close(l) // it has ended, or says what nobody asked for
		return
	}
	over := events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	for {
		n, err := read(f.fd, l.in)
		switch {
		case err == syscall.EAGAIN || err == syscall.EINTR:
			return
		case err != 0:
			x.broke(l, err)
			return
		case n == 0:
			x.broke(l, errEnded)
			return
		}
		if more := over || n == len(l.in); x.came(l, l.in[:n], over) || !more {
			return
		}
	}
}

var errEnded = errors.New("the function closed the connection before its answer")
