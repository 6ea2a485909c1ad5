package process

import (
	"context"
	"net/http"
	"os"
	"sync"
	"time"

	"fnstore/runtime/forward"
	"fnstore/runtime/provider"
)

// instance is one process, from exec to exit.
type instance struct {
	listener  *listener
	process   *os.Process
	sandbox   *sandbox
	transport *forward.Server
	metrics   *forward.Server // or nil
	exited    chan struct{}
	how       string // it ended; set before exited is closed

	mu     sync.Mutex
	reaped bool   // its number may be another process's by now
	killed string // why the runtime ended it
}

// startInstance runs the binary with the listeners from descriptor 3 on, the way
// systemd hands sockets over (sd_listen_fds(3)).
func startInstance(l *listener) (*instance, error) {
	if s := l.program.takePrewarmed(); s != nil {
		p, err := runIn(s, l)
		if err == nil {
			return p, nil
		}
		// Somebody may have removed its folder or its group since: try a new one.
	}
	s, err := newSandbox(l.program)
	if err != nil {
		return nil, err
	}
	return runIn(s, l)
}

// runIn starts the process in the sandbox, and what looks after both until they
// end. After an error both are gone.
func runIn(s *sandbox, l *listener) (*instance, error) {
	process, err := s.launcher.Start(s.stdout, l.sockets()...)
	if err != nil {
		s.Close()
		return nil, err
	}
	p := &instance{listener: l, process: process, sandbox: s, transport: forward.ToSocket(l.calls.path), exited: make(chan struct{})}
	if l.metrics != nil {
		p.metrics = forward.ToSocket(l.metrics.path)
	}
	l.program.b.isolation.memory.add(p, l.program.spec.Limits.Memory)
	l.ended.Go(p.supervise)
	return p, nil
}

// supervise copies the output of the process into the function's log, waits for
// the end of both, and takes the sandbox away.
func (p *instance) supervise() {
	p.sandbox.closeStart() // else the output would not end with the process
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		service := p.listener.program.spec.Deployment.Service
		p.listener.program.b.cfg.Logs.Copy(service, provider.Namespace, p.listener.id, p.sandbox.output)
	}()
	p.reap()
	_ = p.sandbox.output.SetReadDeadline(time.Now().Add(outputTimeout))
	<-copied
	p.transport.Close()
	if p.metrics != nil {
		p.metrics.Close()
	}
	close(p.exited)
	p.sandbox.Close()
}

// outputTimeout is how long the rest of a process's output may take into its log.
// A child that escaped may keep the pipe open for longer; its output is dropped.
const outputTimeout = 200 * time.Millisecond

// Transport reaches the process by its listener socket.
func (p *instance) Transport() http.RoundTripper { return p.transport }

// Metrics reaches the process's metrics.
func (p *instance) Metrics() http.RoundTripper {
	if p.metrics == nil {
		return nil
	}
	return p.metrics
}

// AwaitReady waits until the process says that it is ready. Then the next sandbox
// is made.
func (p *instance) AwaitReady(ctx context.Context, how provider.Readiness) error {
	if err := provider.AwaitReady(ctx, p, how, p.transport); err != nil {
		return err
	}
	p.listener.ended.Go(p.listener.program.prewarm)
	return nil
}

// Exited is closed when the process and everything it started has ended.
func (p *instance) Exited() <-chan struct{} { return p.exited }

// How tells how the process ended.
func (p *instance) How() string { return p.how }
