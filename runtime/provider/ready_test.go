package provider

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// to sends whatever is asked for to one address.
type to struct{ host string }

func (t to) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Host = t.host
	return http.DefaultTransport.RoundTrip(r)
}

// What is sent beforehand is what would be asked.
func TestTheFirstQuestionIsTheFirstAsked(t *testing.T) {
	asked := make(chan *http.Request, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r }))
	defer s.Close()
	if err := AwaitReady(t.Context(), nobody{}, to{s.Listener.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	r := <-asked
	first, err := http.ReadRequest(bufio.NewReader(strings.NewReader(FirstAsked)))
	if err != nil || first.Method != r.Method || first.RequestURI != r.RequestURI || first.ProtoMinor != r.ProtoMinor || first.Host != readyHost {
		t.Errorf("%+v, %v; want %+v", first, err, r)
	}
}

// Nothing but 200 is ready, whatever the way to it.
func TestNothingButOKIsReady(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked++; {
		case asked == 1:
			w.WriteHeader(http.StatusNoContent)
		case asked == 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == readyPath:
			http.Redirect(w, r, "/here", http.StatusFound)
		case asked == 4:
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	defer s.Close()
	if err := AwaitReady(t.Context(), nobody{}, to{s.Listener.Addr().String()}); err != nil || asked != 6 {
		t.Errorf("%v after %d questions", err, asked)
	}
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
		if err := AwaitReady(ctx, nobody{}, to{s.Listener.Addr().String()}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		cancel()
		s.Close()
	}
}
