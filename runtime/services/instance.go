package services

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// instance is a service that answers, ours or somebody else's.
type instance struct {
	engine  *engine // nil for an external one
	proc    *process
	url     string
	port    int
	adopted bool
	ping    func(context.Context) error

	mu      sync.Mutex
	stopped bool
}

// URL is the owner's URL, password included.
func (i *instance) URL() string { return i.url }

// Port is where it listens on 127.0.0.1, 0 for an external one.
func (i *instance) Port() int { return i.port }

// PID is its main process, 0 for an external one.
func (i *instance) PID() int {
	if i.proc == nil {
		return 0
	}
	return i.proc.pid
}

// Adopted is true when it ran before this process asked for it.
func (i *instance) Adopted() bool { return i.adopted }

// External is true when somebody else runs it.
func (i *instance) External() bool { return i.engine == nil }

// User is who it runs as, empty for an external one.
func (i *instance) User() string {
	if i.engine == nil {
		return ""
	}
	return i.engine.who.name
}

// Check asks it for an answer. It takes at most five seconds.
func (i *instance) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return i.ping(ctx)
}

// Stop ends it, adopted or not, and leaves an external one alone. It asks, waits,
// and insists; when ctx ends it insists at once. After nil no process of it is
// left. Calling it again does nothing.
func (i *instance) Stop(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.engine == nil || i.stopped {
		return nil
	}
	if err := i.engine.halt(ctx, i.proc); err != nil {
		return fmt.Errorf("stop %s: %w", i.engine.name, err)
	}
	i.stopped = true
	i.engine.log.Info("stopped a service", "service", i.engine.name, "pid", i.proc.pid)
	return nil
}
