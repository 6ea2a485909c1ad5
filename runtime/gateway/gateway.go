// Package gateway speaks the OpenFaaS gateway's HTTP API: it sends calls of
// /function/NAME to the function and lets an operator manage functions, secrets
// and logs under /system. It does not know how a function is run; a Provider
// does.
package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	plogs "github.com/openfaas/faas-provider/logs"
	"github.com/openfaas/faas-provider/types"
	"github.com/prometheus/client_golang/prometheus"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
	"fnstore/runtime/secrets"
	"fnstore/runtime/spans"
)

// Namespace is the one namespace there is.
const Namespace = "openfaas-fn"

// Provider runs functions. Its errors are faults where the caller is to blame.
type Provider interface {
	Deploy(context.Context, types.FunctionDeployment) error
	Delete(ctx context.Context, name string) error
	Get(ctx context.Context, name string) (types.FunctionStatus, error)
	List(context.Context) ([]types.FunctionStatus, error)
	Scale(ctx context.Context, name string, replicas int) error
	// Acquire finds a replica and counts a call in until release, which may be
	// called again. An error with a method MaxInflight is of a function whose
	// replicas have as many calls as they take.
	Acquire(ctx context.Context, name string) (transport http.RoundTripper, release func(), err error)
}

// Config is what a gateway needs.
type Config struct {
	Provider Provider
	Secrets  *secrets.Store
	Logs     plogs.Requester
	User     string
	Password string
	Backend  string // what functions run as, for who asks
	Version  string // of fnstore
	Commit   string // it was built from
	// Timeout of a call, headers to last byte; 0 means 60 s. A function whose
	// exec_timeout is longer has that, and timeoutMargin.
	Timeout time.Duration
	// MaxInflight bounds the calls of functions under way; 0 means 800. What an
	// operator asks is not counted, so that it is answered when nothing else is.
	MaxInflight int
	// BodyStall is how long the pauses of a request's body may be in all; 0 means
	// DefaultStall.
	BodyStall time.Duration
	// Scheme is how the client sent a request, "http" or "https"; nil means as it
	// arrived here.
	Scheme func(*http.Request) string
	// Enqueue commits a message; nil for a gateway without a queue. Cancel ends
	// the messages with a call id that wait, and reports whether there were any.
	Enqueue func(context.Context, queue.New) (queue.Accepted, error)
	Cancel  func(ctx context.Context, callID string) (bool, error)
	// Publish commits a message that is a function's answer, for a topic; nil for a
	// gateway without a queue.
	Publish func(context.Context, queue.New) error
	// Callback refuses what X-Callback-Url may not name; nil refuses all.
	Callback func(url string) error
	// Record remembers the steps of calls; nil for a gateway that does not.
	Record  func(spans.Span)
	UI      http.Handler           // serves /ui/, behind the same password; nil for none
	System  []Route                // further routes under /system
	Metrics []prometheus.Collector // further ones for the metrics port
}

// Route is an operator's route that another part of the runtime serves.
type Route struct {
	Pattern string // of http.ServeMux
	Serve   func(http.ResponseWriter, *http.Request) error
}

// Gateway is the handler. Make one with New.
type Gateway struct {
	cfg     Config
	system  *http.ServeMux
	metrics *metrics
	user    [sha256.Size]byte
	secret  [sha256.Size]byte
	served  []string // what the gateway calls itself

	inflight atomic.Int64 // calls of functions
	queuing  atomic.Int64 // bytes of bodies held whole
	expiry   expiry
}

// New makes a gateway.
func New(cfg Config) *Gateway {
	if cfg.Timeout == 0 {
		cfg.Timeout = 60 * time.Second
	}
	if cfg.BodyStall == 0 {
		cfg.BodyStall = DefaultStall
	}
	if cfg.Scheme == nil {
		cfg.Scheme = scheme
	}
	if cfg.MaxInflight == 0 {
		cfg.MaxInflight = 800
	}
	g := &Gateway{
		cfg:     cfg,
		system:  http.NewServeMux(),
		metrics: newMetrics(func(ctx context.Context) ([]types.FunctionStatus, error) { return cfg.Provider.List(ctx) }),
		user:    sha256.Sum256([]byte(cfg.User)),
		secret:  sha256.Sum256([]byte(cfg.Password)),
		served:  []string{"fnstore/" + cfg.Version},
	}
	g.metrics.registry.MustRegister(cfg.Metrics...)
	g.routes()
	return g
}

// Metrics is the handler of the metrics port.
func (g *Gateway) Metrics() http.Handler { return g.metrics.handler() }

func (g *Gateway) routes() {
	handle := func(pattern string, serve func(http.ResponseWriter, *http.Request) error) {
		g.system.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { wire.Serve(w, r, serve) })
	}
	handle("GET /system/functions", g.listFunctions)
	handle("POST /system/functions", g.deploy)
	handle("PUT /system/functions", g.update)
	handle("DELETE /system/functions", g.remove)
	handle("GET /system/function/{name}", g.getFunction)
	handle("POST /system/scale-function/{name}", g.scale)
	handle("POST /system/alert", g.alert)
	handle("GET /system/info", g.info)
	handle("GET /system/namespaces", g.namespaces)
	handle("POST /system/namespace/{$}", g.createNamespace)
	handle("POST /system/namespace", g.createNamespace) // or ServeMux would redirect to the other
	handle("GET /system/namespace/{name}", g.getNamespace)
	handle("PUT /system/namespace/{name}", g.changeNamespace)
	handle("DELETE /system/namespace/{name}", g.changeNamespace)
	handle("GET /system/secrets", g.listSecrets)
	handle("POST /system/secrets", g.createSecret)
	handle("PUT /system/secrets", g.updateSecret)
	handle("DELETE /system/secrets", g.deleteSecret)
	handle("GET /system/logs", g.logs)
	for _, r := range g.cfg.System {
		handle(r.Pattern, r.Serve)
	}
	if g.cfg.UI != nil {
		g.system.Handle("/ui/", g.cfg.UI)
	}
}

// ServeHTTP routes on the path as it was sent. Nothing is redirected to a
// cleaner spelling: what does not name a thing exactly names nothing.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tooLong := checkHead(r) // before we add to it
	id := callID(r)
	r.Header.Set(wire.CallID, id)
	w.Header().Set(wire.CallID, id)
	// What a call before this one has set on the connection holds no longer.
	_ = http.NewResponseController(w).SetWriteDeadline(noDeadline)
	if len(r.TransferEncoding) > 0 && r.ProtoMajor == 1 {
		// The server drops a Content-Length beside chunks and does not tell. RFC 9112
		// section 6.3 has such a connection end, since someone before us may have
		// gone by the length and taken what follows for a body.
		w.Header().Set("Connection", "close")
	}
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		w.Header().Set("Connection", "close") // what follows may be meant for a tunnel
		notAllowed(w, r)
		return
	}
	if tooLong != nil {
		w.Header().Set("Connection", "close") // as net/http does with longer ones
		fail(w, r, tooLong)
		return
	}
	raw, err := rawPath(r)
	if err != nil {
		wire.Fail(w, r, err)
		return
	}
	if rest, ok := strings.CutPrefix(raw, "/function/"); ok {
		g.invoke(&recorder{ResponseWriter: w}, r, rest)
		return
	}
	switch {
	case strings.HasPrefix(raw, "/async-function/"):
		g.async(w, r, raw[len("/async-function/"):])
	case raw == "/healthz":
		g.healthz(w, r)
	case raw == "/":
		w.Header().Set("Location", "/ui/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	case strings.HasPrefix(raw, "/system/") || strings.HasPrefix(raw, "/ui/"):
		g.operator(w, r, raw)
	default:
		wire.Fail(w, r, fault.New(fault.NotFound, "no_route", "there is nothing here; functions are at /function/NAME"))
	}
}

// operator serves what only the operator may do.
func (g *Gateway) operator(w http.ResponseWriter, r *http.Request, raw string) {
	if !g.authorised(r) {
		unauthorized(w, r)
		return
	}
	h, pattern := g.system.Handler(r)
	odd := strings.ContainsAny(raw, "%;") || strings.Contains(raw, "//")
	if pattern == "" || odd {
		nothing := &silent{header: http.Header{}}
		if !odd {
			h.ServeHTTP(nothing, r) // says 404 or 405
		}
		if nothing.code == http.StatusMethodNotAllowed {
			notAllowed(w, r, nothing.header["Allow"]...)
			return
		}
		wire.Fail(w, r, fault.New(fault.NotFound, "no_route", "there is nothing here"))
		return
	}
	g.system.ServeHTTP(w, r)
}

// silent hears what a ServeMux says of a path that names nothing.
type silent struct {
	header http.Header
	code   int
}

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
func (s *silent) WriteHeader(code int)        { s.code = code }

// notAllowed refuses a method where others are allowed.
func notAllowed(w http.ResponseWriter, r *http.Request, others ...string) {
	if len(others) > 0 {
		w.Header()["Allow"] = others
	}
	wire.Fail(w, r, fault.New(fault.NotAllowed, "method_not_allowed", "%s is not a method of this path", r.Method))
}

func unauthorized(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("WWW-Authenticate", `Basic realm="Restricted"`)
	wire.Fail(w, r, fault.New(fault.Unauthorized, "unauthorized", "invalid credentials"))
}

// authorised compares digests of both halves, whichever is wrong, so that the
// time taken tells nothing.
func (g *Gateway) authorised(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	u, p := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(u[:], g.user[:])&subtle.ConstantTimeCompare(p[:], g.secret[:]) == 1
}

func (g *Gateway) healthz(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		notAllowed(w, r, "GET, HEAD")
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (g *Gateway) info(w http.ResponseWriter, _ *http.Request) error {
	version := &types.VersionInfo{Release: g.cfg.Version, SHA: g.cfg.Commit}
	return wire.JSON(w, http.StatusOK, map[string]any{
		"provider": types.ProviderInfo{Name: "fnstore", Version: version, Orchestration: g.cfg.Backend},
		"version":  version,
		"arch":     arch(),
	})
}
