package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// FirstAsked is the first request that AwaitReady makes, for who sends it
// beforehand.
const FirstAsked = "GET " + readyPath + " HTTP/1.1\r\nHost: " + readyHost + "\r\n\r\n"

const (
	readyHost  = "function"
	readyPath  = "/_/ready"
	healthPath = "/_/health"
)

// patience is how long one question may go unanswered.
const patience = time.Second

// AwaitReady asks for a replica's /_/ready until it says 200, or its /_/health
// when it has no such path, as older watchdogs have not. It is what a Replica
// does that has no better way to know. Where the listener is there before the
// replica, the first request waits in its queue and is answered at once; the
// pauses are for those that refuse, or say not yet.
func AwaitReady(ctx context.Context, r Replica, to http.RoundTripper) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	go func() { // a request that nobody is left to answer would wait for its time
		select {
		case <-r.Exited():
			cancel()
		case <-ctx.Done():
		}
	}()
	other := map[string]string{readyPath: healthPath, healthPath: readyPath}
	path := readyPath
	probe := &http.Client{Transport: to} // its Timeout would cost a goroutine
	for pause := 250 * time.Microsecond; ; pause = min(2*pause, 100*time.Millisecond) {
		switch askReady(ctx, probe, path) {
		case http.StatusOK:
			return nil
		case http.StatusNotFound:
			path = other[path]
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			select {
			case <-r.Exited():
				return fmt.Errorf("it ended before it was ready: %s", r.How())
			default:
				return errors.New("it was not ready within " + StartTimeout.String())
			}
		}
	}
}

// askReady gives the status of the answer, 0 for none.
func askReady(ctx context.Context, probe *http.Client, path string) int {
	ctx, cancel := context.WithTimeout(ctx, patience)
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
