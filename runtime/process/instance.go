package process

import (
	"context"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"fnstore/runtime/forward"
	"fnstore/runtime/provider"
)

// instance is one process, from exec to exit.
type instance struct {
	pid       int
	bed       *bed
	transport *forward.Server
	asked     net.Conn // over which the answer to the first question comes; or nil
	exited    chan struct{}
	how       string // it ended; set before exited is closed

	mu     sync.Mutex
	reaped bool   // its number may be another process's by now
	doomed string // why the runtime ended it
}

// start runs the binary with the listener as descriptor 3, the way systemd
// hands sockets over (sd_listen_fds(3)).
func start(s *seat) (*instance, error) {
	s.socket.ask()
	p := &instance{transport: forward.ToSocket(s.socket.Addr().String()), exited: make(chan struct{})}
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
		return nil, err
	}
	p.asked, s.socket.asked = s.socket.asked, nil
	return p, nil
}

// run starts the process in the bed, and what looks after both until they end.
func (p *instance) run(s *seat, bed *bed) (err error) {
	defer func() {
		if err != nil {
			_ = bed.Close()
		}
	}()
	err = s.socket.descriptor(func(fd int) (err error) {
		// As programs expect one that they are handed; here nobody accepts.
		if err = syscall.SetNonblock(fd, false); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		p.pid, err = s.p.b.spawn.Start(bed.plan, bed.says, fd)
		return err
	})
	if err != nil {
		return err
	}
	p.bed = bed
	s.p.b.walls.memory.add(p, s.p.spec.Limits.Memory)
	s.ends.Go(func() {
		time.Sleep(settled)
		copied := make(chan struct{})
		go func() {
			defer close(copied)
			s.copy(bed.said)
		}()
		bed.shut()
		s.ends.Go(s.p.prepare)
		p.reap()
		_ = bed.said.SetReadDeadline(time.Now().Add(lastWords))
		<-copied
		p.transport.Close()
		close(p.exited)
		_ = os.RemoveAll(bed.home)
	})
	return nil
}

// settled is when a start is over, more or less. What else there is to do waits
// for that: it would share the machine with the process and with the calls that
// wait for it.
const settled = 20 * time.Millisecond

// lastWords is how long what a process said may take into its log. A child that
// escaped may hold the pipe open for longer; its words are not ours.
const lastWords = 200 * time.Millisecond

// copy puts what a process says into the function's log.
func (s *seat) copy(said *os.File) {
	defer said.Close()
	s.p.b.cfg.Logs.Copy(s.p.spec.Deployment.Service, provider.Namespace, s.id, said)
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

// AwaitReady waits until /_/ready says so.
func (p *instance) AwaitReady(ctx context.Context) error {
	to := &asking{others: p.transport}
	if p.asked != nil {
		to.first = p.transport.Begun(p.asked)
	}
	return provider.AwaitReady(ctx, p, to)
}

// asking is a way whose first request may be under way already.
type asking struct{ first, others http.RoundTripper }

func (a *asking) RoundTrip(r *http.Request) (*http.Response, error) {
	if first := a.first; first != nil {
		a.first = nil
		return first.RoundTrip(r)
	}
	return a.others.RoundTrip(r)
}

// Exited is closed when the process and everything it started has ended.
func (p *instance) Exited() <-chan struct{} { return p.exited }

// How tells how the process ended.
func (p *instance) How() string { return p.how }
