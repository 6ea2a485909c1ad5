package process

import (
	"context"
	"net"
	"os"
	"path/filepath"

	"fnstore/runtime/provider"
)

// program is one version of a function and the binary it runs.
type program struct {
	b      *Backend
	spec   provider.Spec
	binary Binary
}

// secrets is the folder that the function finds its secrets in.
func (p *program) secrets() string { return filepath.Join(p.spec.Home, "secrets") }

// Refresh lays the function's secrets out.
func (p *program) Refresh() error {
	return p.b.cfg.Secrets.Project(p.secrets(), p.spec.Deployment.Secrets, p.spec.Owner())
}

// Close does nothing: a program is a file that others may run.
func (p *program) Close() {}

// Seat opens the listener that the seat's processes will accept on.
func (p *program) Seat(id string) (provider.Seat, error) {
	l, err := p.b.sockets.take()
	if err != nil {
		return nil, err
	}
	return &seat{p: p, id: id, listener: l}, nil
}

// seat is the place of one process. Its listener outlives the processes in it:
// a call that comes while one is being replaced waits in the socket's queue
// and is not refused.
type seat struct {
	p        *program
	id       string
	listener *net.UnixListener
}

// home is the process's own folder, its TMPDIR; replicas do not share it.
func (s *seat) home() string { return filepath.Join(s.p.spec.Home, s.id) }

// Start starts a process on the seat's listener.
func (s *seat) Start(context.Context) (provider.Replica, error) {
	p, err := start(s)
	if err != nil {
		return nil, err // and no instance in it: nil is not a Replica
	}
	return p, nil
}

// Close takes the listener and the folder away.
func (s *seat) Close() {
	_ = s.listener.Close()
	_ = os.RemoveAll(s.home())
}
