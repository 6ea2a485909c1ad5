package load

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// Answers with a length, in chunks, without a body, and those that refuse.
func TestLoad_EveryAnswerIsRead(t *testing.T) {
	var n atomic.Int64
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch n.Add(1) % 5 {
		case 0:
			_, _ = io.WriteString(w, "short")
		case 1:
			_, _ = io.WriteString(w, strings.Repeat("long", 10_000))
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "and more")
		case 2:
			w.WriteHeader(http.StatusNoContent)
		case 3:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 4:
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, `{"status":502,"code":"broken"}`)
		}
	})
	calls := Run(t.Context(), Plan{Address: at, Request: Get("/"), Rate: 1000, Keep: true}, 100*time.Millisecond)
	got := Count(calls)
	if got.Calls != 100 || got.OK != 60 || got.Shed != 20 || got.Mute != 0 || got.Kinds["429"] != 20 || got.Kinds["502 broken"] != 20 {
		t.Error(got)
	}
	for _, c := range calls {
		if c.Took <= 0 || c.Sent.Before(c.Due) || len(c.Body) > most {
			t.Errorf("%+v", c)
		}
	}
}

// The calls that wait for a slow answer count from when they were due.
func TestLoad_WaitingForAConnectionCounts(t *testing.T) {
	gate := make(chan struct{})
	var n atomic.Int64
	at := serve(t, func(http.ResponseWriter, *http.Request) {
		if n.Add(1) == 1 {
			<-gate
		}
	})
	go func() {
		time.Sleep(50 * time.Millisecond) // this is the slow answer, and not a wait for anything
		close(gate)
	}()
	calls := Run(t.Context(), Plan{Address: at, Request: Get("/"), Rate: 1000, Conns: 1}, 20*time.Millisecond)
	if len(calls) != 20 || Quantile(Times(calls), 0) < 25*time.Millisecond {
		t.Errorf("%d calls, the shortest of %s", len(calls), Quantile(Times(calls), 0))
	}
}

func TestLoad_ABrokenAnswerIsNoAnswer(t *testing.T) {
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "not all")
	})
	got := Count(Run(t.Context(), Plan{Address: at, Request: Get("/"), Rate: 1000}, 10*time.Millisecond))
	if got.OK != 0 || got.Calls != 10 || len(got.Kinds) != 1 {
		t.Error(got)
	}
}
