package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"fnstore/runtime/forward"
	"fnstore/runtime/provider"
)

// container is one that was started, until it is removed.
type container struct {
	b          *Backend
	supervisor *supervisor
	id         string
	address    string
	transport  *forward.Server
	metrics    *forward.Server // or nil
	gone       context.Context // done when nothing runs in it any more
	left       context.CancelFunc
	bounded    bool        // in memory
	asked      atomic.Bool // to end
	exited     chan struct{}
	how        string // it ended; set before exited is closed
}

// start starts the container and follows what it writes.
func (s *supervisor) start(ctx context.Context, id string) (_ *container, err error) {
	b := s.p.b
	defer func() {
		if err != nil {
			b.discard(id)
		}
	}()
	out, err := b.engine.attach(ctx, id)
	if err != nil {
		return nil, err
	}
	// Asked before it starts: an end that nobody waits for would be missed.
	ended, err := b.engine.send(b.ctx, http.MethodPost, "/containers/"+id+"/wait?condition=next-exit", nil)
	if err != nil {
		_ = out.Close()
		return nil, err
	}
	var d details
	err = b.engine.call(ctx, http.MethodPost, "/containers/"+id+"/start", nil, nil)
	if err == nil {
		err = b.engine.get(ctx, "/containers/"+id+"/json", &d)
	}
	if err != nil {
		_, _ = out.Close(), ended.Body.Close()
		return nil, err
	}
	c := &container{b: b, supervisor: s, id: id, bounded: s.p.spec.Limits.Memory > 0, exited: make(chan struct{})}
	c.gone, c.left = context.WithCancel(context.Background())
	c.address = b.addressOf(d, portOf(s.p.spec.Deployment.EnvVars))
	c.transport = forward.To(s.dial)
	if port := metricsPortOf(s.p.spec.Deployment); port != "" {
		at := b.addressOf(d, port)
		c.metrics = forward.To(func(ctx context.Context) (net.Conn, error) { return c.dialTo(ctx, at) })
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		b.cfg.Logs.Copy(s.p.spec.Deployment.Service, provider.Namespace, s.id, out)
	}()
	go func() {
		var said struct{ StatusCode int }
		err := json.NewDecoder(ended.Body).Decode(&said)
		_ = ended.Body.Close()
		c.left()
		s.leave(c)
		select {
		case <-written: // all of its output
		case <-time.After(2 * time.Second):
		}
		_ = out.Close()
		c.end(said.StatusCode, err)
	}()
	return c, nil
}

// addressOf is where the container's port is reached from here.
func (b *Backend) addressOf(d details, port string) string {
	if b.publish {
		for _, p := range d.NetworkSettings.Ports[port+"/tcp"] {
			return net.JoinHostPort(p.HostIP, p.HostPort)
		}
	}
	return net.JoinHostPort(d.NetworkSettings.Networks[b.network.Name].IPAddress, port)
}

// end notes how the container ended, and removes it.
func (c *container) end(code int, lost error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.b.ctx), requestTimeout)
	defer cancel()
	var d details
	err := c.b.engine.get(ctx, "/containers/"+c.id+"/json", &d)
	switch {
	case lost != nil:
		c.how = fmt.Sprintf("the engine was lost: %s", lost)
	case code > 128 && code < 128+65:
		c.how = "signal: " + syscall.Signal(code-128).String()
	default:
		c.how = fmt.Sprintf("exit status %d", code)
	}
	if err == nil && (d.State.OOMKilled || c.bounded && code == 137 && !c.asked.Load() && c.b.engine.outOfMemory(ctx, c.id)) {
		c.how += ": it used more than its limit of memory"
	}
	if err == nil && d.State.Error != "" {
		c.how += ": " + d.State.Error
	}
	c.transport.Close()
	if c.metrics != nil {
		c.metrics.Close()
	}
	c.b.discard(c.id)
	close(c.exited)
}

// tries is how often an engine that answers is asked to remove a container: its
// file system may be busy for a moment.
const tries = 60

// discard removes a container. While the engine cannot be reached it is tried
// again: an engine may be restarted and leave containers running.
func (b *Backend) discard(id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), requestTimeout)
	defer cancel()
	if b.engine.remove(ctx, id) == nil {
		return
	}
	b.later.Go(func() {
		for refused := 0; b.ctx.Err() == nil; {
			err := b.engine.remove(b.ctx, id)
			if err == nil {
				return
			}
			if _, ok := errors.AsType[*refusal](err); ok {
				if refused++; refused == tries {
					slog.Error("a container cannot be removed", "container", id, "cause", err)
					return
				}
			}
			select {
			case <-time.After(time.Second):
			case <-b.ctx.Done():
			}
		}
	})
}

// Transport reaches the container's port, or that of the one which takes its
// place.
func (c *container) Transport() http.RoundTripper { return c.transport }

// Metrics reaches this container's metrics.
func (c *container) Metrics() http.RoundTripper {
	if c.metrics == nil {
		return nil
	}
	return c.metrics
}

// AwaitReady asks this container, and no other in its place.
func (c *container) AwaitReady(ctx context.Context, how provider.Readiness) error {
	direct := forward.To(c.dial)
	defer direct.Close()
	if err := provider.AwaitReady(ctx, c, how, direct); err != nil {
		return err
	}
	c.supervisor.set(c)
	return nil
}

// dial connects to this container. An address that has just been taken away
// would answer nothing for seconds.
func (c *container) dial(ctx context.Context) (net.Conn, error) { return c.dialTo(ctx, c.address) }

func (c *container) dialTo(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.gone, cancel)()
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// Exited is closed when the container has ended and is removed.
func (c *container) Exited() <-chan struct{} { return c.exited }

// How tells how it ended.
func (c *container) How() string { return c.how }

// Stop asks by SIGTERM, or by the image's own signal, and kills after the grace.
func (c *container) Stop(grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.b.ctx), grace+requestTimeout)
	defer cancel()
	var err error
	c.asked.Store(true)
	if grace > 0 {
		path := fmt.Sprintf("/containers/%s/stop?t=%d", c.id, int(math.Ceil(grace.Seconds())))
		var res *http.Response
		if res, err = c.b.engine.send(ctx, http.MethodPost, path, nil); err == nil {
			_ = res.Body.Close()
		}
	} else {
		err = c.b.engine.call(ctx, http.MethodPost, "/containers/"+c.id+"/kill", nil, nil)
	}
	select {
	case <-c.exited:
	case <-ctx.Done():
		slog.Error("the container engine does not end a container", "container", c.id, "cause", errors.Join(err, ctx.Err()))
	}
}
