package provider

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// to sends whatever is asked for to one address.
type to struct{ host string }

func (t to) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Host = t.host
	return http.DefaultTransport.RoundTrip(r)
}

// Nothing but 200 is ready, whatever the way to it.
func TestReady_NothingButOKIsReady(t *testing.T) {
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
	if err := AwaitReady(t.Context(), nobody{}, Readiness{StartTimeout: time.Minute}, to{s.Listener.Addr().String()}); err != nil || asked != 6 {
		t.Errorf("%v after %d questions", err, asked)
	}
}

// Older watchdogs know /_/health alone, and whoever is starting may know
// neither yet.
func TestReady_ReadinessIsAskedForByBothPaths(t *testing.T) {
	for _, path := range []string{"/_/ready", "/_/health"} {
		calls := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if calls++; calls < 4 || r.URL.Path != path {
				http.NotFound(w, r)
			}
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := AwaitReady(ctx, nobody{}, Readiness{StartTimeout: time.Minute}, to{s.Listener.Addr().String()}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		cancel()
		s.Close()
	}
}

// A path of the function's own decides alone, whatever /_/ready says.
func TestAwaitReady_OwnPath(t *testing.T) {
	asked := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.RequestURI]++
		switch {
		case r.RequestURI != "/healthz?deep=1":
		case asked[r.RequestURI] == 1:
			http.NotFound(w, r)
		case asked[r.RequestURI] == 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	how := Readiness{Path: "/healthz?deep=1", StartTimeout: time.Minute}
	if err := AwaitReady(t.Context(), nobody{}, how, to{s.Listener.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	if asked[readyPath] != 1 || asked["/healthz?deep=1"] != 3 || len(asked) != 2 {
		t.Errorf("asked %v", asked)
	}
}

// refusing is a replica that is never ready, on a clock that costs no time.
type refusing struct{ asked *[]time.Time }

func (r refusing) RoundTrip(*http.Request) (*http.Response, error) {
	*r.asked = append(*r.asked, time.Now())
	return nil, errors.New("connection refused")
}

func TestAwaitReady_DelayAndTimeout(t *testing.T) {
	for _, how := range []Readiness{
		{StartTimeout: DefaultStartTimeout},
		{StartTimeout: 90 * time.Second},
		{StartTimeout: 10 * time.Second, InitialDelay: 40 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var asked []time.Time
			err := AwaitReady(t.Context(), nobody{}, how, refusing{&asked})
			if err == nil || !strings.Contains(err.Error(), how.Limit().String()) {
				t.Errorf("%+v: %v", how, err)
			}
			if took := time.Since(began); took != how.Limit() {
				t.Errorf("%+v: given up after %s", how, took)
			}
			if first := asked[0].Sub(began); first != how.InitialDelay {
				t.Errorf("%+v: asked first after %s", how, first)
			}
		})
	}
}

// slow is a replica that answers from its 40th second on.
type slow struct{ from time.Time }

func (r slow) RoundTrip(*http.Request) (*http.Response, error) {
	if time.Now().Before(r.from) {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func TestAwaitReady_SlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		annotations := map[string]string{startTimeoutKey: "60s"}
		how, err := ReadinessOf(&annotations)
		if err != nil {
			t.Fatal(err)
		}
		if err := AwaitReady(t.Context(), nobody{}, how, slow{time.Now().Add(40 * time.Second)}); err != nil {
			t.Error(err)
		}
		if how, _ = ReadinessOf(nil); AwaitReady(t.Context(), nobody{}, how, slow{time.Now().Add(40 * time.Second)}) == nil {
			t.Error("the default start timeout is longer than 40 s")
		}
	})
}

func TestReadinessOf_Annotations(t *testing.T) {
	for _, c := range []struct {
		in   map[string]string
		want Readiness
		bad  bool
	}{
		{nil, Readiness{StartTimeout: DefaultStartTimeout}, false},
		{map[string]string{startTimeoutKey: "45s"}, Readiness{StartTimeout: 45 * time.Second}, false},
		{map[string]string{startTimeoutKey: "90"}, Readiness{StartTimeout: 90 * time.Second}, false},
		{map[string]string{delayKey: "10s", healthPathKey: "/healthz"}, Readiness{"/healthz", 10 * time.Second, DefaultStartTimeout}, false},
		{map[string]string{delaySecondsKey: "20"}, Readiness{"", 20 * time.Second, DefaultStartTimeout}, false},
		{map[string]string{delayKey: "1s", delaySecondsKey: "20"}, Readiness{"", time.Second, DefaultStartTimeout}, false},
		{map[string]string{startTimeoutKey: "0"}, Readiness{StartTimeout: DefaultStartTimeout}, true},
		{map[string]string{startTimeoutKey: "2h"}, Readiness{StartTimeout: DefaultStartTimeout}, true},
		{map[string]string{startTimeoutKey: ""}, Readiness{StartTimeout: DefaultStartTimeout}, true},
		{map[string]string{delayKey: "-1s"}, Readiness{StartTimeout: DefaultStartTimeout}, true},
		{map[string]string{delaySecondsKey: "soon"}, Readiness{StartTimeout: DefaultStartTimeout}, true},
		{map[string]string{healthPathKey: "healthz"}, Readiness{StartTimeout: DefaultStartTimeout}, true},
		{map[string]string{healthPathKey: "//other/x"}, Readiness{StartTimeout: DefaultStartTimeout}, true},
		{map[string]string{healthPathKey: "/a\r\nX: y"}, Readiness{StartTimeout: DefaultStartTimeout}, true},
		{map[string]string{healthPathKey: "http://other/x"}, Readiness{StartTimeout: DefaultStartTimeout}, true},
	} {
		got, err := ReadinessOf(&c.in)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%v: %+v, %v", c.in, got, err)
		}
	}
}

func FuzzReadinessOf(f *testing.F) {
	f.Add("40s", "10", "/healthz")
	f.Add("-1", "1e3", "//x")
	f.Fuzz(func(t *testing.T, timeout, delay, path string) {
		r, err := ReadinessOf(&map[string]string{startTimeoutKey: timeout, delayKey: delay, healthPathKey: path})
		if r.StartTimeout <= 0 || r.StartTimeout > maxStart || r.InitialDelay < 0 || r.InitialDelay > maxStart {
			t.Errorf("%+v", r)
		}
		if err == nil && (r.Path == "" || r.Path[0] != '/') {
			t.Errorf("path %q", r.Path)
		}
		if _, bad := http.NewRequest(http.MethodGet, "http://"+readyHost+r.Path, nil); err == nil && bad != nil {
			t.Errorf("path %q makes no request: %v", r.Path, bad)
		}
	})
}

func TestGrace_FollowsExecTimeout(t *testing.T) {
	for v, want := range map[string]time.Duration{
		"": forcedGrace, "10s": 11 * time.Second, "90": 91 * time.Second, "100h": time.Hour, "-1s": forcedGrace, "soon": forcedGrace,
		"0": time.Hour, "0s": time.Hour, // no limit
	} {
		if got := grace(map[string]string{"exec_timeout": v}); got != want {
			t.Errorf("exec_timeout %q: %s, want %s", v, got, want)
		}
	}
}
