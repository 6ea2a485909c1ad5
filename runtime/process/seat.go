package process

import (
	"context"
	"path/filepath"
	"sync"

	"fnstore/runtime/provider"
)

// program is one version of a function and the binary it runs.
type program struct {
	b      *Backend
	spec   provider.Spec
	binary Binary
	beds   ahead[*bed]
}

// prepare makes ahead what the next process needs, while nobody waits for it.
func (p *program) prepare() {
	p.beds.prepare()
	p.b.sockets.prepare()
}

// secrets is the folder that the function finds its secrets in.
func (p *program) secrets() string { return filepath.Join(p.spec.Home, "secrets") }

// Refresh lays the function's secrets out.
func (p *program) Refresh() error {
	return p.b.cfg.Secrets.Project(p.secrets(), p.spec.Deployment.Secrets, p.spec.Owner())
}

// Close takes away what was made ahead; no process is left by then.
func (p *program) Close() { p.beds.close() }

// Seat opens the listener that the seat's processes will accept on.
func (p *program) Seat(id string) (provider.Seat, error) {
	l, _, err := p.b.sockets.take()
	if err != nil {
		return nil, err
	}
	return &seat{p: p, id: id, socket: l}, nil
}

// seat is the place of one process. Its listener outlives the processes in it:
// a call that comes while one is being replaced waits in the socket's queue
// and is not refused.
type seat struct {
	p      *program
	id     string
	socket *socket
	ends   sync.WaitGroup // of processes, with their folders
}

// Start starts a process on the seat's listener.
func (s *seat) Start(context.Context) (provider.Replica, error) {
	p, err := start(s)
	if err != nil {
		return nil, err // and no instance in it: nil is not a Replica
	}
	return p, nil
}

// Close takes the listener away, and waits for what the last process has left to
// go.
func (s *seat) Close() {
	_ = s.socket.Close()
	s.ends.Wait()
}
