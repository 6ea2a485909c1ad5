package process

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// socket is a unix socket that listens, and that only processes accept on.
type socket struct {
	path string
	file *os.File
}

func (b *Backend) newSocket() (*socket, error) {
	path := filepath.Join(b.cfg.SockDir, fmt.Sprint(b.listeners.Add(1), ".sock"))
	// A store that was killed may have left one.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.SetUnlinkOnClose(false) // this end keeps the descriptor
	file, err := l.File()
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return &socket{path, file}, nil
}

// Close takes the socket away.
func (s *socket) Close() {
	_ = s.file.Close()
	_ = os.Remove(s.path)
}
