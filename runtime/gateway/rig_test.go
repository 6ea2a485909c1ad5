package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/runtime/forward"
	"fnstore/runtime/logs"
	"fnstore/runtime/secrets"
)

// provider has functions that are handlers on one server of the test's.
type provider struct {
	functions map[string]types.FunctionStatus
	transport http.RoundTripper
	deployed  []types.FunctionDeployment
}

func (p *provider) Deploy(_ context.Context, d types.FunctionDeployment) error {
	p.deployed = append(p.deployed, d)
	p.functions[d.Service] = types.FunctionStatus{Name: d.Service, Image: d.Image}
	return nil
}

func (p *provider) Delete(_ context.Context, name string) error {
	if _, ok := p.functions[name]; !ok {
		return fault.New(fault.NotFound, "function_not_found", "no %s", name)
	}
	delete(p.functions, name)
	return nil
}

func (p *provider) Get(_ context.Context, name string) (types.FunctionStatus, error) {
	f, ok := p.functions[name]
	if !ok {
		return f, fault.New(fault.NotFound, "function_not_found", "no %s", name)
	}
	return f, nil
}

func (p *provider) List(context.Context) ([]types.FunctionStatus, error) {
	list := []types.FunctionStatus{}
	for _, f := range p.functions {
		list = append(list, f)
	}
	return list, nil
}

func (p *provider) Scale(_ context.Context, name string, replicas int) error {
	f, err := p.Get(context.Background(), name)
	f.Replicas = uint64(replicas)
	if err == nil {
		p.functions[name] = f
	}
	return err
}

func (p *provider) Acquire(ctx context.Context, name string) (http.RoundTripper, func(), error) {
	if _, err := p.Get(ctx, name); err != nil {
		return nil, nil, err
	}
	return p.transport, func() {}, nil
}

type rig struct {
	*httptest.Server
	p    *provider
	g    *Gateway
	logs *logs.Store
}

const password = "correct horse"

// open makes a gateway with one function, echo, that f serves.
func open(t *testing.T, f http.HandlerFunc) *rig {
	t.Helper()
	fn := httptest.NewServer(f)
	t.Cleanup(fn.Close)
	addr := fn.Listener.Addr().String()
	p := &provider{
		functions: map[string]types.FunctionStatus{"echo": {Name: "echo", Image: "i", Namespace: Namespace}},
		transport: forward.To(func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}),
	}
	vault, err := secrets.Open(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	written, err := logs.Open(filepath.Join(t.TempDir(), "logs"))
	if err != nil {
		t.Fatal(err)
	}
	g := New(Config{Provider: p, Secrets: vault, Logs: written, User: "admin", Password: password, Version: "1.2.3", Commit: "abc"})
	srv := httptest.NewUnstartedServer(g)
	srv.Listener = CutStalled(srv.Listener, 100*time.Millisecond)
	srv.Config.MaxHeaderBytes = MaxHeaders
	srv.Start()
	t.Cleanup(srv.Close)
	return &rig{srv, p, g, written}
}

// echo answers with the request as the function saw it.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(map[string]any{"uri": r.RequestURI, "method": r.Method, "header": r.Header, "host": r.Host, "body": string(body)})
}

type seen struct {
	URI    string      `json:"uri"`
	Method string      `json:"method"`
	Header http.Header `json:"header"`
	Host   string      `json:"host"`
	Body   string      `json:"body"`
}

// raw sends bytes as they are and reads the answer: no client between.
func (r *rig) raw(t *testing.T, request string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res, string(body)
}

func (r *rig) do(t *testing.T, method, path, body string, auth bool) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, r.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if auth {
		req.SetBasicAuth("admin", password)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res, string(b)
}
