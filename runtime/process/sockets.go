package process

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"fnstore/runtime/provider"
)

// socket is the listener of a seat. Its next process is asked whether it is ready
// before there is one: the question waits in the listener's queue, and a process
// that starts shares the machine with nobody who prepares to ask.
type socket struct {
	*net.UnixListener
	asked net.Conn // over which nobody waits for the answer yet; or nil
}

// sockets are the listeners of seats, in the folder.
func sockets(dir string) *ahead[*socket] {
	made := 0 // ever: names are not used twice
	return &ahead[*socket]{fresh: func() (*socket, error) {
		made++
		path := filepath.Join(dir, fmt.Sprint(made, ".sock"))
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) { // of a store that was killed
			return nil, err
		}
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return nil, err
		}
		s := &socket{UnixListener: l}
		s.ask()
		return s, nil
	}}
}

// descriptor lends the listener's descriptor.
func (s *socket) descriptor(to func(fd int) error) error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = to(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// ask asks, unless the question waits already. It may fail when the queue is full
// of what processes left there that ended at once; then it is asked later.
func (s *socket) ask() {
	if s.asked != nil {
		return
	}
	c, err := net.Dial("unix", s.Addr().String())
	if err != nil {
		return
	}
	if _, err := io.WriteString(c, provider.FirstAsked); err != nil {
		_ = c.Close()
		return
	}
	s.asked = c
}

// Close takes the listener away.
func (s *socket) Close() error {
	if s.asked != nil {
		_ = s.asked.Close()
	}
	return s.UnixListener.Close()
}
