package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// AwaitReady asks for a replica's /_/ready until it says 200, or its /_/health
// when it has no such path, as older watchdogs have not. It is what a Replica
// does that has no better way to know. Where the listener is there before the
// replica, the first request waits in its queue and is answered at once; the
// pauses are for those that refuse, or say not yet.
func AwaitReady(ctx context.Context, r Replica) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	go func() { // a request that nobody is left to answer would wait for its time
		select {
		case <-r.Exited():
			cancel()
		case <-ctx.Done():
		}
	}()
	probe := &http.Client{Transport: r.Transport(), Timeout: time.Second}
	other := map[string]string{"/_/ready": "/_/health", "/_/health": "/_/ready"}
	path := "/_/ready"
	for pause := 250 * time.Microsecond; ; pause = min(2*pause, 100*time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://function"+path, nil)
		if err != nil {
			return err
		}
		if res, err := probe.Do(req); err == nil {
			_ = res.Body.Close()
			switch res.StatusCode {
			case http.StatusOK:
				return nil
			case http.StatusNotFound:
				path = other[path]
			}
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
