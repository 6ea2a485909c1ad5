package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"

	"fnstore/runtime/provider"
)

// listener is a listener socket, and supervises the processes that accept on it,
// one at a time. It outlives them: calls queue in it while a process is replaced,
// and are not refused.
type listener struct {
	program *program
	id      string
	path    string
	socket  *os.File
	ended   sync.WaitGroup // processes, with their sandboxes
}

func newListener(p *program, id string) (*listener, error) {
	path := filepath.Join(p.b.cfg.SockDir, fmt.Sprint(p.b.listeners.Add(1), ".sock"))
	// A store that was killed may have left one.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.SetUnlinkOnClose(false) // only processes accept: this one keeps the descriptor
	socket, err := l.File()
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return &listener{program: p, id: id, path: path, socket: socket}, nil
}

// Start starts a process that accepts on the socket.
func (l *listener) Start(context.Context) (provider.Replica, error) {
	p, err := startInstance(l)
	if err != nil {
		return nil, err // and no instance in it: nil is not a Replica
	}
	return p, nil
}

// Close takes the socket away, and waits until nothing is left of the last
// process.
func (l *listener) Close() {
	_ = l.socket.Close()
	_ = os.Remove(l.path)
	l.ended.Wait()
}
