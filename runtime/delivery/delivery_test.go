package delivery_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
	"fnstore/runtime/delivery"
	"fnstore/runtime/delivery/queuetest"
)

const key = "0123456789abcdef0123456789abcdef"

// TestMain is also a worker process, which a test kills.
func TestMain(m *testing.M) {
	if url := os.Getenv("WORKER_POSTGRES"); url != "" {
		d, err := delivery.Open(context.Background(), config(url, os.Getenv("WORKER_GATEWAY"), 10))
		if err != nil {
			panic(err)
		}
		d.Run(context.Background())
		return
	}
	os.Exit(m.Run())
}

func config(postgres, gateway string, concurrency int) delivery.Config {
	return delivery.Config{
		Postgres: postgres, Gateway: gateway,
		EventKey: func() (string, error) { return key, nil },
		Functions: func(context.Context) ([]delivery.Function, error) {
			return []delivery.Function{{Name: "f", Concurrency: concurrency, Retry: delivery.Policy{Attempts: 2, MinWait: 10 * time.Millisecond}}}, nil
		},
	}
}

type rig struct {
	url     string
	db      *pgxpool.Pool
	gateway *httptest.Server
}

// open makes a queue and a gateway whose one function is f.
func open(t *testing.T, f http.HandlerFunc) *rig {
	t.Helper()
	r := &rig{}
	r.url, r.db = queuetest.Open(t)
	r.gateway = httptest.NewServer(http.StripPrefix("/function/f", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.RequestURI = req.URL.RequestURI() // a gateway makes a request of its own
		f(w, req)
	})))
	t.Cleanup(r.gateway.Close)
	return r
}

// run starts a worker; stop ends it and waits.
func (r *rig) run(t *testing.T, concurrency int, with ...func(*delivery.Delivery)) (stop func()) {
	t.Helper()
	return r.start(t, config(r.url, r.gateway.URL, concurrency), with...)
}

// runWith starts a worker for these functions.
func (r *rig) runWith(t *testing.T, functions ...delivery.Function) {
	t.Helper()
	cfg := config(r.url, r.gateway.URL, 1)
	cfg.Functions = func(context.Context) ([]delivery.Function, error) { return functions, nil }
	r.start(t, cfg)
}

func (r *rig) start(t *testing.T, cfg delivery.Config, with ...func(*delivery.Delivery)) (stop func()) {
	t.Helper()
	d, err := delivery.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range with {
		f(d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { d.Run(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func (r *rig) enqueue(t *testing.T, n queue.New) queue.Accepted {
	t.Helper()
	n.Function = "f"
	a, err := queue.Enqueue(t.Context(), r.db, n)
	if err != nil {
		t.Fatal(err)
	}
	if err := queue.Notify(t.Context(), r.db); err != nil {
		t.Fatal(err)
	}
	return a
}

// await waits until the call is in the state.
func (r *rig) await(t *testing.T, callID string, want queue.State) queue.Progress {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		p, err := queue.Find(t.Context(), r.db, callID)
		if err != nil {
			t.Fatal(err)
		}
		if p.State == want {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("call %s is %+v, want %s", callID, p, want)
		}
	}
}

func TestDelivery_TrustedIsSigned(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, caller.Secret), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("secret_mount_path", dir)
	got := make(chan string, 2)
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		err := caller.Verify(req, 1<<20)
		body, _ := io.ReadAll(req.Body)
		got <- fmt.Sprint(err == nil, req.Method, req.URL.String(), req.Header.Get(wire.CallID), req.Header.Get("X-A"), string(body))
	})
	r.run(t, 1)
	n := queue.New{Method: "PUT", Path: "/a%2Fb?c=d", CallID: "one", Headers: map[string][]string{"X-A": {"b"}}, Body: []byte("text"), Trusted: true}
	r.enqueue(t, n)
	if s := <-got; s != "truePUT/a%2Fb?c=done"+"btext" {
		t.Errorf("the function saw %q", s)
	}
	// A stranger's message stays a stranger's, whatever signature it carries.
	n.Trusted, n.CallID = false, "two"
	n.Headers = map[string][]string{"X-A": {"b"}}
	h := http.Header{wire.CallID: {"two"}}
	caller.Sign(h, key, "PUT", "/a%2Fb", n.Body, time.Now())
	n.Headers[caller.Header] = h[caller.Header]
	r.enqueue(t, n)
	if s := <-got; !strings.HasPrefix(s, "false") {
		t.Errorf("the function believed %q", s)
	}
}

// Every answer has one meaning.
//
// Seed: R32, B14, B20
func TestDelivery_AnswersDecide(t *testing.T) {
	var calls sync.Map
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		n, _ := calls.LoadOrStore(req.URL.Path, new(atomic.Int32))
		try := n.(*atomic.Int32).Add(1)
		switch req.URL.Path {
		case "/ok":
		case "/busy-once":
			if try == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		case "/wait": // spends no attempt, however often
			if try <= 5 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusConflict)
			}
		case "/refused":
			wire.Fail(w, req, fault.New(fault.Unprocessable, "image_damaged", "the image ends too early"))
		case "/conflict":
			http.Error(w, "no", http.StatusConflict)
		case "/moved":
			http.Redirect(w, req, "/ok", http.StatusFound)
		case "/gone":
			w.Header().Set("X-OpenFaaS-Internal", "proxy")
			w.WriteHeader(http.StatusNotFound)
		case "/cut":
			panic(http.ErrAbortHandler)
		}
	})
	r.run(t, 4)
	for path, want := range map[string]struct {
		state queue.State
		calls int32
		code  string
	}{
		"/ok":        {queue.Succeeded, 1, ""},
		"/busy-once": {queue.Succeeded, 2, ""},
		"/wait":      {queue.Succeeded, 6, ""},
		"/refused":   {queue.Failed, 1, "image_damaged"},
		"/conflict":  {queue.Failed, 1, "status_409"},
		"/moved":     {queue.Failed, 1, "status_302"},
		"/gone":      {queue.Failed, 2, "status_404"},
		"/cut":       {queue.Failed, 2, "unreachable"},
	} {
		a := r.enqueue(t, queue.New{Path: path})
		p := r.await(t, a.CallID, want.state)
		n, _ := calls.Load(path)
		if n.(*atomic.Int32).Load() != want.calls || p.Code != want.code {
			t.Errorf("%s: %d calls, %+v; want %+v", path, n.(*atomic.Int32).Load(), p, want)
		}
	}
}

// Seed: R45
func TestDelivery_ConcurrencyIsBounded(t *testing.T) {
	var now, most atomic.Int32
	r := open(t, func(http.ResponseWriter, *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(2 * time.Millisecond)
		now.Add(-1)
	})
	var last queue.Accepted
	for range 40 {
		last = r.enqueue(t, queue.New{})
	}
	r.run(t, 3)
	r.await(t, last.CallID, queue.Succeeded)
	if m := most.Load(); m > 3 {
		t.Errorf("%d at once", m)
	}
}

// spawn starts a worker as a process, for a test to kill.
func (r *rig) spawn(t *testing.T) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	worker := exec.Command(self)
	worker.Env = append(os.Environ(), "WORKER_POSTGRES="+r.url, "WORKER_GATEWAY="+r.gateway.URL)
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	return worker
}

// A worker that is killed loses nothing: another one delivers what it held.
func TestDelivery_KilledWorker(t *testing.T) {
	held := make(chan struct{}, 10)
	var dead atomic.Bool
	r := open(t, func(_ http.ResponseWriter, req *http.Request) {
		if !dead.Load() {
			held <- struct{}{}
			<-req.Context().Done()
		}
	})
	worker := r.spawn(t)
	var accepted []queue.Accepted
	for range 3 {
		accepted = append(accepted, r.enqueue(t, queue.New{}))
	}
	for range accepted {
		<-held
	}
	if err := worker.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = worker.Wait()
	dead.Store(true)
	r.run(t, 10)
	for _, a := range accepted {
		if p := r.await(t, a.CallID, queue.Succeeded); p.Attempts != 2 {
			t.Errorf("%+v, want the second attempt", p)
		}
	}
}

// A worker that is told to stop gives back what it could not finish, and what
// it finished stays finished.
func TestDelivery_StopLetsCallsEnd(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	r := open(t, func(http.ResponseWriter, *http.Request) { close(begun); <-end })
	stop := r.run(t, 1)
	a := r.enqueue(t, queue.New{})
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Fatal("it did not wait for the call")
	case <-time.After(50 * time.Millisecond): // a moment in which a hasty one would have gone
	}
	close(end)
	<-stopped
	if p, err := queue.Find(t.Context(), r.db, a.CallID); err != nil || p.State != queue.Succeeded {
		t.Errorf("%+v, %v", p, err)
	}
}

// The session's connection is cut: the worker drops what it held, joins anew
// and goes on.
func TestDelivery_LostSession(t *testing.T) {
	r := open(t, func(http.ResponseWriter, *http.Request) {})
	r.run(t, 1)
	r.await(t, r.enqueue(t, queue.New{}).CallID, queue.Succeeded)
	if _, err := r.db.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity
where application_name like 'fnstore delivery%' and datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	r.await(t, r.enqueue(t, queue.New{}).CallID, queue.Succeeded)
}
