package process

import (
	"context"
	"os"
	"sync"

	"fnstore/runtime/provider"
)

// listener is a listener socket, and supervises the processes that accept on it,
// one at a time. It outlives them: calls queue in it while a process is replaced,
// and are not refused.
type listener struct {
	program *program
	id      string
	calls   *socket
	metrics *socket        // nil for a function that is not asked for metrics
	ended   sync.WaitGroup // processes, with their sandboxes
}

func newListener(p *program, id string) (l *listener, err error) {
	l = &listener{program: p, id: id}
	if l.calls, err = p.b.newSocket(); err != nil {
		return nil, err
	}
	if provider.HasMetrics(p.spec.Deployment) {
		if l.metrics, err = p.b.newSocket(); err != nil {
			l.calls.Close()
			return nil, err
		}
	}
	return l, nil
}

// sockets are the process's descriptors from 3 on, in the order of LISTEN_FDNAMES.
func (l *listener) sockets() []*os.File {
	if l.metrics == nil {
		return []*os.File{l.calls.file}
	}
	return []*os.File{l.calls.file, l.metrics.file}
}

// Start starts a process that accepts on the socket.
func (l *listener) Start(context.Context) (provider.Replica, error) {
	p, err := startInstance(l)
	if err != nil {
		return nil, err // and no instance in it: nil is not a Replica
	}
	return p, nil
}

// Close takes the sockets away, and waits until nothing is left of the last
// process.
func (l *listener) Close() {
	l.calls.Close()
	if l.metrics != nil {
		l.metrics.Close()
	}
	l.ended.Wait()
}
