package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// AwaitReady polls a replica's /_/ready until it says 200, or its /_/health when
// it has no such path, as older watchdogs have not. It is what a Replica does
// that has no better way to know.
func AwaitReady(ctx context.Context, r Replica) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	probe := &http.Client{Transport: r.Transport(), Timeout: time.Second}
	path := "/_/ready"
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
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
				path = "/_/health"
			}
		}
		select {
		case <-time.After(pause):
		case <-r.Exited():
			return fmt.Errorf("it ended before it was ready: %s", r.How())
		case <-ctx.Done():
			return errors.New("it was not ready within " + StartTimeout.String())
		}
	}
}
