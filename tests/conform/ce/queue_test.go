package ce

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
	"fnstore/runtime/services/servicestest"
)

// function remembers what it was called with, by call id, and is full the first
// time that it sees one of three.
type function struct {
	mu    sync.Mutex
	calls int
	seen  map[string]int // body's length by call id
}

func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/system/functions" {
		_ = json.NewEncoder(w).Encode([]map[string]any{{"name": "f", "image": "a:1", "replicas": 1, "availableReplicas": 1}})
		return
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls++; f.calls%3 == 1 {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	f.seen[r.Header.Get("X-Call-Id")] = len(b)
}

// events starts fnstore events and waits until it delivers.
func events(t *testing.T, gateway, postgres string) {
	t.Helper()
	dir := t.TempDir()
	bin, password := filepath.Join(dir, "fnstore"), filepath.Join(dir, "password")
	if out, err := exec.Command("go", "build", "-o", bin, "fnstore/cmd/fnstore").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(password, []byte("word"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "events", "--state", filepath.Join(dir, "state"), "--gateway", gateway, "--password-file", password)
	cmd.Env = append(os.Environ(), "FNSTORE_POSTGRES_URL="+postgres)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	up := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if strings.Contains(lines.Text(), "messages delivered") {
				up <- true
			}
		}
		close(up)
	}()
	select {
	case ok := <-up:
		if !ok {
			t.Fatal("fnstore events ended")
		}
	case <-time.After(time.Minute):
		t.Fatal("fnstore events does not start")
	}
}

// The gateway is killed while messages go through it, the function refuses a
// third of all calls, and one message is longer than the gateway's own queue
// takes: each message of kit/queue arrives.
func TestQueue_LosesNothingThroughThisGateway(t *testing.T) {
	f := &function{seen: map[string]int{}}
	behind := httptest.NewServer(f)
	defer behind.Close()
	base, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:0"
	serve := func() (kill func()) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		address = l.Addr().String()
		ctx, stop := context.WithCancel(context.Background())
		srv := &http.Server{Handler: New(ctx, base, "admin", "word"), ReadHeaderTimeout: 5 * time.Second}
		go func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		}()
		return func() { stop(); _ = srv.Close() }
	}
	kill := serve()
	postgres := servicestest.Postgres(t)
	events(t, "http://"+address, postgres)
	conn, err := pgx.Connect(t.Context(), postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))

	const messages = 30
	want := map[string]int{}
	for i := range messages {
		body := []byte("short")
		if i == messages/2 {
			body = make([]byte, MaxAsyncBody+1)
			kill()
		}
		a, err := queue.Enqueue(t.Context(), conn, queue.New{Function: "f", Body: body, Trusted: true})
		if err != nil {
			t.Fatal(err)
		}
		want[a.CallID] = len(body)
		if err := queue.Notify(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	kill = serve()
	defer func() { kill() }()
	missing := func() (n int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for id, size := range want {
			if got, ok := f.seen[id]; !ok || got != size {
				n++
			}
		}
		return n
	}
	for late := time.Now().Add(3 * time.Minute); missing() > 0 && time.Now().Before(late); {
		time.Sleep(100 * time.Millisecond)
	}
	if n := missing(); n > 0 {
		t.Errorf("%d of %d messages did not arrive", n, messages)
	}
}
