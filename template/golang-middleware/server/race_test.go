package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve runs a server in this process and gives its URL and its log, which is
// complete once stop has returned.
func serve(t *testing.T, h http.HandlerFunc, env map[string]string) (url string, log *bytes.Buffer, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	env["TMPDIR"] = t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	log = new(bytes.Buffer)
	ended := make(chan error, 1)
	out := &locked{w: log}
	go func() {
		ended <- Run(ctx, Options{Handler: h, Listen: ln, Stdout: out,
			Lookup: func(k string) (string, bool) { v, ok := env[k]; return v, ok }})
	}()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { stop() })
	return "http://" + ln.Addr().String(), log, stop
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// Handlers that answer at the very moment their time is over: whoever wins, the
// client sees a whole 200, a whole 504, or a broken connection, and the log
// has one line for each call.
func TestRace_DeadlineAgainstAnswer(t *testing.T) {
	whole := strings.Repeat("whole ", 2000)
	h := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rand.Int64N(int64(6 * time.Millisecond)))):
		}
		w.Header().Set("X-Body", string(body))
		switch rand.IntN(4) {
		case 0:
			panic("as well")
		case 1:
			io.Copy(w, strings.NewReader(whole))
		case 2:
			io.Copy(w, io.MultiReader(strings.NewReader(whole[:6000]), strings.NewReader(whole[6000:])))
		default:
			io.WriteString(w, whole[:6000])
			http.NewResponseController(w).Flush()
			io.WriteString(w, whole[6000:])
		}
	}
	url, log, stop := serve(t, h, map[string]string{})
	var ok, late, broke, cut, other atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	const workers, rounds = 16, 60
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				r, _ := http.NewRequest("POST", url, struct{ io.Reader }{strings.NewReader("b")})
				r.Header.Set("X-Timeout", "3ms")
				res, err := client.Do(r)
				if err != nil {
					cut.Add(1)
					continue
				}
				body, err := io.ReadAll(res.Body)
				res.Body.Close()
				switch {
				case err != nil:
					cut.Add(1)
				case res.StatusCode == 200 && string(body) == whole:
					ok.Add(1)
				case res.StatusCode == 504 && strings.Contains(string(body), "exec_timeout"):
					late.Add(1)
				case res.StatusCode == 500 && strings.Contains(string(body), `"panic"`):
					broke.Add(1)
				default:
					other.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if err := stop(); err != nil {
		t.Error(err)
	}
	t.Logf("ok %d, 504 %d, 500 %d, cut %d", ok.Load(), late.Load(), broke.Load(), cut.Load())
	if other.Load() > 0 {
		t.Errorf("%d answers were none of these", other.Load())
	}
	if n := strings.Count(log.String(), `"msg":"request"`); n != workers*rounds {
		t.Errorf("%d request lines for %d requests", n, workers*rounds)
	}
}

// Goroutines that a handler left behind write after the call is over.
func TestRace_WritesAfterTheCallAreRefused(t *testing.T) {
	kept := make(chan http.ResponseWriter, 1)
	contexts := make(chan context.Context, 1)
	url, _, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "ok")
		kept <- w
		contexts <- r.Context()
	}, map[string]string{})
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w, ctx := <-kept, <-contexts
	if _, err := io.WriteString(w, "later"); !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("WriteString: %v", err)
	}
	if _, err := w.Write([]byte("later")); !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("Write: %v", err)
	}
	if <-ctx.Done(); !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("context: %v", ctx.Err())
	}
}

// Every limit on a slow or idle client is set, and a listener that fails is an
// error and not silence.
//
// Seed: B8
func TestServer_HasEveryTimeout(t *testing.T) {
	s := &server{}
	s.settings, _ = readSettings(func(string) (string, bool) { return "", false })
	s.lines = &lines{out: io.Discard}
	s.log = discard
	web := s.web()
	for name, d := range map[string]time.Duration{
		"ReadHeaderTimeout": web.ReadHeaderTimeout, "ReadTimeout": web.ReadTimeout,
		"WriteTimeout": web.WriteTimeout, "IdleTimeout": web.IdleTimeout,
	} {
		if d <= 0 {
			t.Errorf("%s is not set", name)
		}
	}
	if web.MaxHeaderBytes <= 0 {
		t.Error("MaxHeaderBytes is not set")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	err = Run(context.Background(), Options{Handler: http.NotFoundHandler(), Listen: ln, Stdout: io.Discard,
		Lookup: func(string) (string, bool) { return "true", true }})
	if err == nil {
		t.Error("Run on a closed listener gave no error")
	}
}

// A client that never ends its headers is cut off. The limit is the constant;
// here the connection's end is waited for, not timed.
//
// Seed: B8
func TestRace_SlowHeadersAreCutOff(t *testing.T) {
	url, _, _ := serve(t, func(http.ResponseWriter, *http.Request) {}, map[string]string{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nX-Slow: ")
	conn.SetReadDeadline(time.Now().Add(6 * headerTimeout))
	if b, err := io.ReadAll(conn); err != nil {
		t.Errorf("still open: %q %v", b, err)
	}
}
