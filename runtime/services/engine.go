package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// engine is what startOrAdopt must know of a service: everything in which Postgres and
// Redis differ when they are started.
type engine struct {
	dataDir
	name         string
	log          *slog.Logger
	mark         string                                    // an argument only this instance has
	pid          func() int                                // what its pid file says, else 0
	conf         func(port int) error                      // writes its configuration
	argv         func() *exec.Cmd                          // starts it in the foreground
	ready        func(ctx context.Context, port int) error // nil, ErrRefused, or not yet
	busy         string                                    // log line: an earlier instance is still ending
	stopSequence []stopStep                                // how it is stopped
}

// errGone says that the process ended while we waited for it to answer.
var errGone = errors.New("it ended")

// startOrAdopt adopts the instance that runs, or starts one, and returns when it
// answers. At most five ports are tried.
func (e *engine) startOrAdopt(ctx context.Context) (p *process, port int, adopted bool, err error) {
	port = e.port()
	for tries := 1; ; {
		if p := find(e.pid(), e.mark, e.who.uid); p != nil && port != 0 {
			err := e.await(ctx, p, port)
			if errors.Is(err, errGone) {
				continue // it was on its way out
			}
			if err != nil {
				return nil, 0, false, fmt.Errorf("adopt %s (process %d, port %d): %w", e.name, p.pid, port, err)
			}
			e.log.Info("adopted a running service", "service", e.name, "pid", p.pid, "port", port)
			return p, port, true, nil
		} else if p != nil { // nobody knows where it listens
			if err := e.halt(ctx, p); err != nil {
				return nil, 0, false, fmt.Errorf("stop %s whose port is lost: %w", e.name, err)
			}
			continue
		}
		if port == 0 || !free(port) {
			if port, err = choose(); err != nil {
				return nil, 0, false, fmt.Errorf("start %s: %w", e.name, err)
			}
			if err := e.write("port", strconv.Itoa(port)+"\n", 0o600); err != nil {
				return nil, 0, false, err
			}
		}
		logMark := e.logMark()
		p, err := e.launch(port)
		if err != nil {
			return nil, 0, false, err
		}
		err = e.await(ctx, p, port)
		if err == nil {
			e.log.Info("started a service", "service", e.name, "pid", p.pid, "port", port, "user", e.who.name)
			return p, port, false, nil
		}
		if !errors.Is(err, errGone) { // too slow, or not who answers: leave nothing behind
			err = errors.Join(err, e.halt(ctx, p))
		}
		retry := errors.Is(err, errGone) || errors.Is(err, ErrRefused)
		switch taken := !free(port); {
		case retry && taken && tries < 5: // somebody was quicker
			tries++
			port = 0
		case errors.Is(err, errGone) && e.busy != "" && e.logHas(ctx, logMark, e.busy) && pause(ctx, 100*time.Millisecond):
		default:
			return nil, 0, false, e.withLog(err, logMark)
		}
	}
}

// launch starts the child.
func (e *engine) launch(port int) (*process, error) {
	if err := e.conf(port); err != nil {
		return nil, err
	}
	if err := e.write("start.log", "", 0o600); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(e.path("start.log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", e.name, err)
	}
	defer out.Close()
	return spawn(e.argv(), out, e.mark, e.who)
}

// await returns nil when the process answers, and an error when it ended,
// refuses us, or the context is done.
func (e *engine) await(ctx context.Context, p *process, port int) error {
	for {
		err := e.ready(ctx, port)
		if err == nil || errors.Is(err, ErrRefused) {
			return err
		}
		if !p.alive() {
			return errGone
		}
		if !pause(ctx, 10*time.Millisecond) {
			return fmt.Errorf("%w, the last thing it said: %w", ctx.Err(), err)
		}
	}
}

// logHas waits a moment for a line: a log may be written by another process that
// ends after the service.
func (e *engine) logHas(ctx context.Context, d logMark, line string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for {
		if strings.Contains(e.since(d), line) {
			return true
		}
		if !pause(ctx, 20*time.Millisecond) {
			return false
		}
	}
}

// halt stops the process and waits for the last of its children.
func (e *engine) halt(ctx context.Context, p *process) error {
	if err := p.stop(ctx, e.stopSequence...); err != nil {
		return err
	}
	return reapOrphans(ctx, e.path("data"), e.who.uid)
}

func (e *engine) withLog(err error, d logMark) error {
	if words := e.since(d); words != "" {
		return fmt.Errorf("start %s in %s: %w; its log ends:\n%s", e.name, e.dir, err, words)
	}
	return fmt.Errorf("start %s in %s: %w", e.name, e.dir, err)
}

// withDefaultTimeout gives the context a deadline when it has none.
func withDefaultTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, DefaultStartTimeout)
}
