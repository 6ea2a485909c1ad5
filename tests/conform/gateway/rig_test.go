package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/runtime/forward"
	"fnstore/runtime/gateway"
	"fnstore/runtime/logs"
	"fnstore/runtime/secrets"
)

// rig is a gateway with two functions: echo, and other that nobody may reach.
type rig struct {
	addr   string
	g      *gateway.Gateway
	system atomic.Int64 // requests that reached something under /system or /ui/
	other  atomic.Int64

	functions []*httptest.Server
	servers   []*http.Server

	mu   sync.Mutex
	seen []seen // what reached echo
}

// seen is a request as echo saw it.
type seen struct {
	URI    string
	Method string
	Host   string
	Header http.Header
	Body   []byte
}

// provider reaches its functions at unix sockets, as the store does, and counts
// what only /system asks.
type provider struct {
	r  *rig
	to map[string]http.RoundTripper
}

// socket opens a listener at a path short enough for one.
func socket(t *testing.T) (l net.Listener, to http.RoundTripper) {
	t.Helper()
	dir, err := os.MkdirTemp("", "fn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	if l, err = net.Listen("unix", path); err != nil {
		t.Fatal(err)
	}
	return l, forward.ToSocket(path)
}

func (p *provider) Deploy(context.Context, types.FunctionDeployment) error {
	p.r.system.Add(1)
	return nil
}
func (p *provider) Delete(context.Context, string) error     { p.r.system.Add(1); return nil }
func (p *provider) Scale(context.Context, string, int) error { p.r.system.Add(1); return nil }
func (p *provider) List(context.Context) ([]types.FunctionStatus, error) {
	p.r.system.Add(1)
	return nil, nil
}

func (p *provider) Get(_ context.Context, name string) (types.FunctionStatus, error) {
	if p.to[name] == nil {
		return types.FunctionStatus{}, fault.New(fault.NotFound, "function_not_found", "there is no function %q", name)
	}
	return types.FunctionStatus{Name: name}, nil
}

func (p *provider) Acquire(_ context.Context, name string) (http.RoundTripper, func(), error) {
	if p.to[name] == nil {
		return nil, nil, fault.New(fault.NotFound, "function_not_found", "there is no function %q", name)
	}
	return p.to[name], func() {}, nil
}

// function serves a handler at a socket.
func function(t *testing.T, h http.HandlerFunc) (*httptest.Server, http.RoundTripper) {
	t.Helper()
	l, to := socket(t)
	srv := httptest.NewUnstartedServer(h)
	_ = srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	return srv, to
}

// pace is how long the server of a rig waits for a client. A test that says all it
// has to say needs no time to pass; one whose clients stop in the middle of a
// request, or do not close, waits for the server to end it.
type pace struct{ header, body, idle time.Duration }

var (
	patiently = pace{header: 30 * time.Second, body: 30 * time.Second, idle: 30 * time.Second}
	briefly   = pace{header: time.Second, body: time.Second, idle: time.Second}
)

// open makes a rig whose server is as the store's is. Further functions are
// reached over the transports given.
func open(t *testing.T, further map[string]http.RoundTripper) *rig {
	t.Helper()
	return paced(t, patiently, further)
}

func paced(t *testing.T, p pace, further map[string]http.RoundTripper) *rig {
	t.Helper()
	r := new(rig)
	serve := func(h http.HandlerFunc) http.RoundTripper {
		srv, to := function(t, h)
		r.functions = append(r.functions, srv)
		return to
	}
	functions := &provider{r, map[string]http.RoundTripper{
		"echo":  serve(r.echo),
		"other": serve(func(http.ResponseWriter, *http.Request) { r.other.Add(1) }),
	}}
	for name, to := range further {
		functions.to[name] = to
	}
	vault, err := secrets.Open(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	written, err := logs.Open(filepath.Join(t.TempDir(), "logs"))
	if err != nil {
		t.Fatal(err)
	}
	count := func(http.ResponseWriter, *http.Request) { r.system.Add(1) }
	r.g = gateway.New(gateway.Config{
		Provider: functions, Secrets: vault, Logs: written, User: "admin", Password: "correct horse", Version: "0", Commit: "0",
		BodyStall: p.body, UI: http.HandlerFunc(count),
		System: []gateway.Route{{Pattern: "GET /system/canary", Serve: func(w http.ResponseWriter, req *http.Request) error { count(w, req); return nil }}},
	})
	r.addr = r.serve(t, p)
	t.Cleanup(r.end)
	return r
}

// end returns when nothing is under way any more.
func (r *rig) end() {
	for _, s := range r.servers {
		_ = s.Close()
	}
	for _, f := range r.functions {
		f.Close()
	}
}

// serve opens a way in, and gives its address.
func (r *rig) serve(t *testing.T, p pace) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: r.g, ReadHeaderTimeout: p.header, MaxHeaderBytes: gateway.MaxHeaders, IdleTimeout: p.idle}
	r.servers = append(r.servers, srv)
	go func() { _ = srv.Serve(gateway.CutStalled(l, gateway.DefaultStall)) }()
	return l.Addr().String()
}

func (r *rig) echo(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	s := seen{req.RequestURI, req.Method, req.Host, req.Header, body}
	r.mu.Lock()
	r.seen = append(r.seen, s)
	r.mu.Unlock()
	_ = json.NewEncoder(w).Encode(s)
}

// take gives what reached echo since it was last asked.
func (r *rig) take() []seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.seen
	r.seen = nil
	return s
}

// answer is one response as it came.
type answer struct {
	status int
	header http.Header
	body   []byte
	whole  bool // the body came to its end
}

// within is how long a test waits for what must come: a hang is a failure.
const within = 30 * time.Second

// wait waits for an event.
func wait(t *testing.T, what string, event <-chan struct{}) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(within):
		t.Fatalf("%s does not come within %s", what, within)
	}
}

// send writes the bytes and reads answers until the gateway closes.
func (r *rig) send(t *testing.T, request string) (answers []answer) {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(within))
	go func() { _, _ = io.WriteString(c, request) }() // it may be refused half way
	in := bufio.NewReader(c)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				t.Errorf("the connection hangs after %d answers", len(answers))
			}
			return answers
		}
		if res.StatusCode == http.StatusContinue {
			continue
		}
		body, err := io.ReadAll(res.Body)
		answers = append(answers, answer{res.StatusCode, res.Header, body, err == nil})
		if err != nil || res.Close {
			return answers
		}
	}
}

// result is what became of one row of a table.
type result struct {
	answers []answer
	seen    []seen
}

// replay sends the requests, each to a rig of its own, many at a time since most
// wait for the server to close.
func replay(t *testing.T, name string, rows []row, request func(row) string) []result {
	t.Helper()
	results := make([]result, len(rows))
	places := make(chan struct{}, 32)
	var all sync.WaitGroup
	for i, row := range rows {
		places <- struct{}{}
		r := paced(t, briefly, nil)
		all.Go(func() {
			defer func() { <-places }()
			answers := r.send(t, request(row))
			r.end() // a function may still be reading when the gateway has refused
			results[i] = result{answers, r.take()}
			r.untouched(t, name, row.line)
		})
	}
	all.Wait()
	return results
}

// untouched fails when something was reached that must not be.
func (r *rig) untouched(t *testing.T, name string, line int) {
	t.Helper()
	if n := r.system.Swap(0); n != 0 {
		t.Errorf("%s:%d: /system was reached", name, line)
	}
	if n := r.other.Swap(0); n != 0 {
		t.Errorf("%s:%d: the function other was reached", name, line)
	}
}
