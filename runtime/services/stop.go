package services

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// stopStep is one step of stopping a service: a signal and how long it
// is given to work.
type stopStep struct {
	signal   syscall.Signal
	patience time.Duration
}

// stop takes the steps of the stopSequence until the process is gone. When the
// context ends it goes on at once, and the last step keeps its time.
func (p *process) stop(ctx context.Context, stopSequence ...stopStep) error {
	for i, r := range stopSequence {
		if !p.alive() {
			return nil
		}
		if err := p.os.Signal(r.signal); err != nil && p.alive() {
			return fmt.Errorf("stop process %d: %w", p.pid, err)
		}
		within := ctx
		if i == len(stopSequence)-1 {
			within = context.WithoutCancel(ctx)
		}
		within, cancel := context.WithTimeout(within, r.patience)
		for p.alive() && pause(within, 5*time.Millisecond) {
		}
		cancel()
	}
	if p.alive() {
		return fmt.Errorf("process %d does not end", p.pid)
	}
	return nil
}

// reapOrphans waits for the children that outlive a service for a moment, such as
// the one that writes Postgres' log, and ends those that stay. They are known by
// their working folder: both services live in their data.
func reapOrphans(ctx context.Context, data string, uid uint32) error {
	within, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for len(orphans(data, uid)) > 0 {
		if !pause(within, 5*time.Millisecond) {
			break
		}
	}
	left := orphans(data, uid)
	for _, p := range left {
		p.Kill()
	}
	within, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for len(left) > 0 && pause(within, 5*time.Millisecond) {
		left = orphans(data, uid)
	}
	if len(left) > 0 {
		return fmt.Errorf("process %d stays in %s", left[0].Pid, data)
	}
	return nil
}

// orphans are the user's processes whose working folder is data.
func orphans(data string, uid uint32) (found []*os.Process) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if at, err := os.Readlink(link); err != nil || at != data {
			continue
		}
		dir := filepath.Dir(link)
		pid, _ := strconv.Atoi(filepath.Base(dir))
		handle, err := os.FindProcess(pid)
		if err != nil || !runsAs(dir, uid) {
			continue
		}
		// Asked again, now that the handle cannot pass to another process.
		if at, err := os.Readlink(link); err == nil && at == data {
			found = append(found, handle)
		}
	}
	return found
}
