package process

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"fnstore/runtime/forward"
	"fnstore/runtime/process/cgroup"
	"fnstore/runtime/provider"
)

// instance is one process, from exec to exit.
type instance struct {
	program   *program
	process   *os.Process
	home      string // its own folder
	group     *cgroup.Group
	transport *forward.Server
	ready     chan error // has nil when it is ready, and why when it will not be
	exited    chan struct{}
	how       string // it ended; set before exited is closed

	mu     sync.Mutex
	reaped bool   // its number may be another process's by now
	doomed string // why the runtime ended it
}

// start runs the binary with the listener as descriptor 3, the way systemd
// hands sockets over (sd_listen_fds(3)).
func start(ctx context.Context, s *seat) (*instance, error) {
	p := &instance{program: s.p, exited: make(chan struct{}), ready: make(chan error, 1)}
	p.transport = forward.ToSocket(s.listener.Addr().String())
	// The listener is there already, and what asks waits in its queue: so the
	// process, once there is one, shares the machine with nobody who prepares to ask.
	go func() { p.ready <- provider.AwaitReady(ctx, p) }()
	bed, made, err := s.p.beds.take()
	if err == nil {
		err = p.run(s, bed)
	}
	if err != nil && made { // it may have been taken away since
		if bed, err = s.p.bed(); err == nil {
			err = p.run(s, bed)
		}
	}
	if err != nil {
		p.how = "it did not start"
		p.end()
		return nil, err
	}
	return p, nil
}

// end says that there is no process.
func (p *instance) end() {
	p.transport.Close()
	close(p.exited)
}

// run starts the process in the bed, and what looks after both until they end.
func (p *instance) run(s *seat, bed *bed) (err error) {
	defer func() {
		if err != nil {
			_ = bed.Close()
		}
	}()
	socket, err := s.listener.File()
	if err != nil {
		return err
	}
	defer socket.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer outW.Close()
	if p.process, err = s.p.launch(bed, outW, socket); err != nil {
		_ = outR.Close()
		return err
	}
	bed.shut()
	p.home, p.group = bed.home, bed.group
	go func() {
		defer outR.Close()
		s.p.b.cfg.Logs.Copy(s.p.spec.Deployment.Service, provider.Namespace, s.id, outR)
	}()
	s.p.b.walls.memory.add(p, s.p.spec.Limits.Memory)
	s.ends.Go(func() {
		p.reap()
		// A child that escaped may hold the pipe open; its words are not ours.
		_ = outR.SetReadDeadline(time.Now().Add(time.Second))
		p.end()
		_ = os.RemoveAll(p.home)
	})
	return nil
}

// environment is everything the process gets; of ours it inherits nothing.
// What the runtime decides stands last and wins.
func (p *program) environment(home string) []string {
	d := p.spec.Deployment
	env := append([]string{"PATH=/usr/bin:/bin"}, p.b.walls.hints(p.spec.Limits)...)
	env = append(env, p.binary.Env...)
	for k, v := range d.EnvVars {
		env = append(env, k+"="+v)
	}
	if d.EnvProcess != "" {
		env = append(env, "fprocess="+d.EnvProcess)
	}
	return lastOf(append(env,
		"OPENFAAS_NAME="+d.Service,
		"OPENFAAS_NAMESPACE="+provider.Namespace,
		"secret_mount_path="+p.secrets(),
		"TMPDIR="+home,
		"HOME="+home,
		"LISTEN_FDS=1",
		"LISTEN_FDNAMES=http",
	))
}

// lastOf keeps the last of each variable: the first is what most programs would
// see.
func lastOf(env []string) []string {
	seen := map[string]bool{}
	out := make([]string, 0, len(env))
	for _, e := range slices.Backward(env) {
		if k, _, _ := strings.Cut(e, "="); !seen[k] {
			seen[k] = true
			out = append(out, e)
		}
	}
	slices.Reverse(out)
	return out
}

// Transport reaches the process by its seat's socket.
func (p *instance) Transport() http.RoundTripper { return p.transport }

// AwaitReady waits until /_/ready says so, and has the next start prepared when
// the calls that wait for this one are on their way.
func (p *instance) AwaitReady(ctx context.Context) error {
	defer time.AfterFunc(20*time.Millisecond, p.program.prepare)
	select {
	case err := <-p.ready:
		p.ready <- err
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Exited is closed when the process and everything it started has ended.
func (p *instance) Exited() <-chan struct{} { return p.exited }

// How tells how the process ended.
func (p *instance) How() string { return p.how }
