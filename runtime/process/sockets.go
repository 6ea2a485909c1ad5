package process

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// sockets opens the listeners of seats, one of them ahead.
type sockets struct {
	dir string

	mu     sync.Mutex
	made   int // ever: names are not used twice
	spare  *net.UnixListener
	closed bool
}

// take gives a listener that nobody has used.
func (s *sockets) take() (*net.UnixListener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.spare; l != nil {
		s.spare = nil
		return l, nil
	}
	return s.open()
}

// prepare opens the listener that take gives next.
func (s *sockets) prepare() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spare == nil && !s.closed {
		s.spare, _ = s.open() // else take says why it cannot be done
	}
}

func (s *sockets) open() (*net.UnixListener, error) {
	s.made++
	path := filepath.Join(s.dir, fmt.Sprint(s.made, ".sock"))
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) { // of a store that was killed
		return nil, err
	}
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.spare != nil {
		_ = s.spare.Close()
		s.spare = nil
	}
}
