package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	readyHost  = "function"
	readyPath  = "/_/ready"
	healthPath = "/_/health"
)

// questionTimeout is how long one question may go unanswered.
const questionTimeout = time.Second

// AwaitReady asks a replica's readiness path until it says 200: its own if it
// has one, else /_/ready, or /_/health when there is no such path, as with older
// watchdogs. It is what a Replica does that has no better way to know. Where the
// listener is there before the replica, the first request waits in its queue and
// is answered at once; the pauses are for those that refuse, or say not yet.
func AwaitReady(ctx context.Context, r Replica, how Readiness, to http.RoundTripper) error {
	ctx, cancel := context.WithTimeout(ctx, how.Limit())
	defer cancel()
	go func() { // a request that nobody is left to answer would wait for its time
		select {
		case <-r.Exited():
			cancel()
		case <-ctx.Done():
		}
	}()
	late := func() error {
		select {
		case <-r.Exited():
			return fmt.Errorf("it ended before it was ready: %s", r.How())
		default:
			return errors.New("it was not ready within " + how.Limit().String())
		}
	}
	if !wait(ctx, how.InitialDelay) {
		return late()
	}
	other := map[string]string{readyPath: healthPath, healthPath: readyPath}
	path := readyPath                    // the first question may be under way already
	probe := &http.Client{Transport: to} // its Timeout would cost a goroutine
	for pause := 250 * time.Microsecond; ; pause = min(2*pause, 100*time.Millisecond) {
		status := askReady(ctx, probe, path)
		switch {
		case how.Path != "" && path != how.Path:
			if path = how.Path; status != 0 { // it answers: no reason to pause
				continue
			}
		case status == http.StatusOK:
			return nil
		case status == http.StatusNotFound && how.Path == "":
			path = other[path]
		}
		if !wait(ctx, pause) {
			return late()
		}
	}
}

// wait reports whether ctx lived through the pause.
func wait(ctx context.Context, pause time.Duration) bool {
	select {
	case <-time.After(pause):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// askReady gives the status of the answer, 0 for none.
func askReady(ctx context.Context, probe *http.Client, path string) int {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+readyHost+path, nil)
	if err != nil {
		return 0
	}
	res, err := probe.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}
