package provider

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// answering is a replica that a server stands for.
type answering struct {
	nobody
	to http.RoundTripper
}

func (a answering) Transport() http.RoundTripper { return a.to }

// to sends whatever is asked for to one address.
type to struct{ host string }

func (t to) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Host = t.host
	return http.DefaultTransport.RoundTrip(r)
}

// Older watchdogs know /_/health alone, and whoever is starting may know
// neither yet.
func TestReadinessIsAskedForByBothPaths(t *testing.T) {
	for _, path := range []string{"/_/ready", "/_/health"} {
		calls := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if calls++; calls < 4 || r.URL.Path != path {
				http.NotFound(w, r)
			}
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := AwaitReady(ctx, answering{to: to{s.Listener.Addr().String()}}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		cancel()
		s.Close()
	}
}
