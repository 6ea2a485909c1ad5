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
	process   *os.Process
	home      string // its own folder
	b         *Backend
	group     *cgroup.Group
	transport *forward.Server
	exited    chan struct{}
	how       string // it ended; set before exited is closed

	mu     sync.Mutex
	reaped bool   // its number may be another process's by now
	doomed string // why the runtime ended it
}

// start runs the binary with the listener as descriptor 3, the way systemd
// hands sockets over (sd_listen_fds(3)).
func start(s *seat) (*instance, error) {
	b, spec := s.p.b, s.p.spec
	home := s.home()
	if err := freshDir(home, spec.Owner()); err != nil {
		return nil, err
	}
	socket, err := s.listener.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer outW.Close()

	process, group, err := b.walls.start(s, outW, socket)
	if err != nil {
		_ = outR.Close()
		return nil, err
	}

	p := &instance{process: process, home: home, b: b, group: group, exited: make(chan struct{})}
	p.transport = forward.ToSocket(s.listener.Addr().String())
	go func() {
		defer outR.Close()
		b.cfg.Logs.Copy(spec.Deployment.Service, provider.Namespace, s.id, outR)
	}()
	b.walls.memory.add(p, spec.Limits.Memory)
	go func() {
		p.reap()
		// A child that escaped may hold the pipe open; its words are not ours.
		_ = outR.SetReadDeadline(time.Now().Add(time.Second))
		p.transport.Close()
		close(p.exited)
	}()
	return p, nil
}

// freshDir empties the folder: nothing that one process left may reach the next.
func freshDir(dir string, uid int) error {
	err := os.Mkdir(dir, 0o700)
	if os.IsExist(err) {
		if err = os.RemoveAll(dir); err == nil {
			err = os.Mkdir(dir, 0o700)
		}
	}
	if err != nil {
		return err
	}
	if uid >= 0 {
		return os.Chown(dir, uid, uid)
	}
	return nil
}

// environment is everything the process gets; of ours it inherits nothing.
// What the runtime decides stands last and wins.
func environment(s *seat, home string) []string {
	d := s.p.spec.Deployment
	env := append([]string{"PATH=/usr/bin:/bin"}, s.p.b.walls.hints(s.p.spec.Limits)...)
	env = append(env, s.p.binary.Env...)
	for k, v := range d.EnvVars {
		env = append(env, k+"="+v)
	}
	if d.EnvProcess != "" {
		env = append(env, "fprocess="+d.EnvProcess)
	}
	return lastOf(append(env,
		"OPENFAAS_NAME="+d.Service,
		"OPENFAAS_NAMESPACE="+provider.Namespace,
		"secret_mount_path="+s.p.secrets(),
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

// AwaitReady asks for /_/ready until it is so, and then prepares for the next
// start, which nobody waits for yet.
func (p *instance) AwaitReady(ctx context.Context) error {
	defer func() { go p.b.prepare() }()
	return provider.AwaitReady(ctx, p)
}

// Exited is closed when the process and everything it started has ended.
func (p *instance) Exited() <-chan struct{} { return p.exited }

// How tells how the process ended.
func (p *instance) How() string { return p.how }
