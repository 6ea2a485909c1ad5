// Package ui is the store's page in a browser: what functions there are, a call
// by hand, and a photo that comes back as thumbnails. It does not know who may
// see it; the gateway asks for the password before it lets a request in.
package ui

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/s3"
	"fnstore/kit/wire"
	"fnstore/runtime/gateway"
	"fnstore/runtime/queueapi"
)

// Config is what the page shows and what it acts with.
type Config struct {
	Functions func(context.Context) ([]types.FunctionStatus, error)
	Progress  func(ctx context.Context, callID string) (queue.Progress, error)

	S3         string // http://KEY:SECRET@host:port, as kit/s3 reads it
	Uploads    string // the bucket that photos are put into; empty: the page takes none
	Thumbnails string // the bucket where their thumbnails appear

	Gateway string // base URL that calls are sent to, such as http://127.0.0.1:8080

	// Sign proves on h that an operator makes the call; target is the path
	// with its query. Nil leaves calls unsigned.
	Sign func(h http.Header, method, target string, body []byte) error

	// Queue are the routes that show the queue and act on it, below /ui; nil for
	// a page without them.
	Queue []queueapi.Route
	// Events are the routes that show schedules and the graph of events, below
	// EventData; nil for a page without them.
	Events []gateway.Route
	// Traces are the routes that show the journeys of calls, below EventData; nil
	// for a page without them.
	Traces []gateway.Route
	// Queues gives the functions whose messages do not flow, and whether they are
	// open or paused (see queue/circuit); nil where nobody knows.
	Queues func(context.Context) (map[string]string, error)

	Version string // of fnstore
}

// EventData is where the page of events asks for what it shows.
const EventData = "/ui/data"

// pages has the routes as its methods.
type pages struct {
	Config
	assets *assets
	shelf  *s3.Client // reads; sender writes
	sender *sender
	client *http.Client
}

// New makes the handler of everything under /ui/.
func New(c Config) (http.Handler, error) {
	if c.Functions == nil || c.Progress == nil {
		return nil, errors.New("make the page: it has nobody to ask about functions or calls")
	}
	p := &pages{Config: c, client: newClient()}
	p.Gateway = strings.TrimRight(c.Gateway, "/")
	var err error
	if p.assets, err = openAssets(); err != nil {
		return nil, err
	}
	if p.shelf, err = s3.Open(c.S3); err != nil {
		return nil, err
	}
	if p.sender, err = openSender(c.S3); err != nil {
		return nil, err
	}
	return p.routes(), nil
}

func (p *pages) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, route func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { wire.Serve(w, r, route) })
	}
	handle("GET /ui/{$}", p.page)
	handle("GET /ui/static/{hash}/{name}", p.assets.serve)
	handle("GET /ui/functions", p.functions)
	handle("POST /ui/call/{function}", p.call)
	if p.Queue != nil {
		handle("GET /ui/messages", p.messages)
	}
	if p.Events != nil {
		handle("GET /ui/events", p.events)
	}
	if p.Traces != nil {
		handle("GET /ui/traces", p.traces)
	}
	for _, r := range slices.Concat(p.Events, p.Traces) {
		handle(r.Pattern, r.Serve)
	}
	for _, r := range p.Queue {
		handle(r.Method+" "+r.Path, r.Serve)
	}
	if p.Uploads != "" {
		handle("POST /ui/photos", p.upload)
		handle("GET /ui/photos/{call}", p.progress)
		handle("GET /ui/thumbnails", p.thumbnail)
	}
	handle("/ui/", func(http.ResponseWriter, *http.Request) error {
		return fault.New(fault.NotFound, "no_route", "there is nothing here; the page is at /ui/")
	})

	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wire.Fail(w, r, fault.New(fault.Forbidden, "cross_origin", "only the store's own page may do this"))
	}))
	return guarded(own.Handler(mux))
}

// policy lets the page load what the store itself serves and nothing else; no
// inline script or style either.
const policy = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guarded sets what every answer says to browsers. A route may be stricter.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// newClient talks to the gateway: directly, as it is told, and with every byte
// of the answer as it came.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeaders,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// callID is the id that the gateway gave the request: what it causes has the same.
func callID(r *http.Request) string {
	if id := r.Header.Get(wire.CallID); goodID.MatchString(id) {
		return id
	}
	return queue.CallID()
}

// goodID is what the gateway accepts as a call id.
var goodID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
