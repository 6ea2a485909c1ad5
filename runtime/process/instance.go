package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fnstore/runtime/process/cgroup"
)

// instance is one process, from exec to exit.
type instance struct {
	slot      *slot
	cmd       *exec.Cmd
	group     *cgroup.Group
	transport *http.Transport
	exited    chan struct{}
	how       string // it ended; set before exited is closed

	calls   atomic.Int64 // that run in it; negative when it takes no more
	drained sync.Once
	idle    chan struct{} // closed when it takes no more calls and none is left
	rested  func()        // closes idle, once

	mu     sync.Mutex
	reaped bool   // its number may be another process's by now
	doomed string // why the runtime ended it
}

// start runs the binary with the listener as descriptor 3, the way systemd
// hands sockets over (sd_listen_fds(3)).
func start(s *slot, l *net.UnixListener) (*instance, error) {
	b, rec := s.r.f.b, s.r.rec
	home := s.home()
	if err := freshDir(home, rec.uid()); err != nil {
		return nil, err
	}
	socket, err := l.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer outW.Close()

	cmd := exec.Command(s.r.bin.Path)
	cmd.Args = []string{rec.Deployment.Service}
	cmd.Dir = home
	cmd.Env = environment(s, home)
	cmd.Stdout, cmd.Stderr = outW, outW
	cmd.ExtraFiles = []*os.File{socket}
	group, clean, err := b.walls.enclose(cmd, s)
	if err != nil {
		_ = outR.Close()
		return nil, err
	}
	defer clean()
	if err := b.spawn.start(cmd); err != nil {
		group.Remove()
		_ = outR.Close()
		return nil, err
	}

	p := &instance{slot: s, cmd: cmd, group: group, exited: make(chan struct{}), idle: make(chan struct{})}
	p.rested = sync.OnceFunc(func() { close(p.idle) })
	path := l.Addr().String()
	p.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
		DisableCompression:  true, // what the function wrote is what the caller gets
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     60 * time.Second,
		WriteBufferSize:     16 << 10,
		ReadBufferSize:      16 << 10,
	}
	go func() {
		defer outR.Close()
		b.cfg.Logs.Copy(rec.Deployment.Service, Namespace, s.id, outR)
	}()
	b.walls.memory.add(p, s.r.bounds.Memory)
	go func() {
		p.reap()
		// A child that escaped may hold the pipe open; its words are not ours.
		_ = outR.SetReadDeadline(time.Now().Add(time.Second))
		p.transport.CloseIdleConnections()
		close(p.exited)
	}()
	return p, nil
}

// freshDir empties the folder: nothing that one process left may reach the next.
func freshDir(dir string, uid int) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if uid >= 0 {
		return os.Chown(dir, uid, uid)
	}
	return nil
}

// environment is everything the process gets; of ours it inherits nothing.
// What the runtime decides stands last and wins.
func environment(s *slot, home string) []string {
	d := s.r.rec.Deployment
	env := append([]string{"PATH=/usr/bin:/bin"}, s.r.f.b.walls.hints(s.r.bounds)...)
	env = append(env, s.r.bin.Env...)
	for k, v := range d.EnvVars {
		env = append(env, k+"="+v)
	}
	if d.EnvProcess != "" {
		env = append(env, "fprocess="+d.EnvProcess)
	}
	return lastOf(append(env,
		"OPENFAAS_NAME="+d.Service,
		"OPENFAAS_NAMESPACE="+Namespace,
		"secret_mount_path="+s.r.f.b.secretsDir(s.r.rec),
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

// awaitReady polls /_/ready until it says 200. It gives up when the process
// ends, after StartTimeout, or when ctx does.
func (p *instance) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	probe := &http.Client{Transport: p.transport, Timeout: time.Second}
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://function/_/ready", nil)
		if err != nil {
			return err
		}
		if res, err := probe.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(pause):
		case <-p.exited:
			return fmt.Errorf("the process ended before it was ready: %s", p.how)
		case <-ctx.Done():
			return errors.New("the process was not ready within " + StartTimeout.String())
		}
	}
}
