package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fnstore/runtime/services"
)

type downCmd struct{}

// stopTimeout is how long down waits for a store to end by itself.
const stopTimeout = 90 * time.Second

// Run stops the store that runs on the state, and the services of one that was
// killed.
func (downCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	if err := s.readState(); err != nil {
		fmt.Fprintln(out, "Nothing runs here.")
		return nil
	}
	unlock, err := lockState(s)
	if errors.Is(err, errRunning) {
		unlock, err = s.end(ctx, out)
	}
	if err != nil {
		return err
	}
	defer unlock()
	stopped, err := services.StopAll(ctx, s.path("redis"), s.path("postgres"))
	if err != nil {
		return err
	}
	for _, name := range stopped {
		fmt.Fprintf(out, "%s was left of a store that was killed: stopped.\n", name)
	}
	fmt.Fprintln(out, "The store is down.")
	return nil
}

// end tells the running store to stop and waits until it has.
func (s *settings) end(ctx context.Context, out io.Writer) (unlock func(), err error) {
	b, err := os.ReadFile(s.path("fnstore.pid"))
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 1 {
		return nil, fmt.Errorf("a store is starting or ending; try again")
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return nil, fmt.Errorf("tell the store to stop: %w", err)
	}
	fmt.Fprintln(out, "Stopping …")
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	for {
		if unlock, err := lockState(s); !errors.Is(err, errRunning) {
			return unlock, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("the store (process %d) does not end; its log is %s", pid, s.path("fnstore.log"))
		}
	}
}
