// Package ce is a gateway on the terms of OpenFaaS' community edition, written
// from what its clients see: asynchronous calls are accepted from memory, with
// bodies of at most 256,000 bytes, and one worker makes each call once. It is in
// front of the functions of another gateway. It does not know ours.
package ce

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// MaxAsyncBody is the longest body of an asynchronous call, in bytes.
const MaxAsyncBody = 256_000

// maxWaiting bounds the memory of a test.
const maxWaiting = 10_000

// Gateway serves until its context ends; what waits then is lost.
type Gateway struct {
	mux     *http.ServeMux
	waiting chan call
}

// info is what the gateway says of itself.
const info = `{"provider":{"provider":"stand-in-ce","version":{"sha":"0","release":"0"},"orchestration":"containerd"},"version":{"sha":"0","release":"0"},"arch":"x86_64"}`

type call struct {
	path   string
	header http.Header
	body   []byte
}

// New makes a gateway in front of the functions at base, whose operator's
// password it needs to list them. Its one worker ends with ctx.
func New(ctx context.Context, base *url.URL, user, password string) *Gateway {
	g := &Gateway{mux: http.NewServeMux(), waiting: make(chan call, maxWaiting)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(base)
			r.Out.Host = base.Host
			if r.Out.Body != nil && r.Out.ContentLength != 0 {
				r.Out.ContentLength = -1 // every body arrives in chunks
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	g.mux.HandleFunc("/function/", func(w http.ResponseWriter, r *http.Request) {
		mark(w, r)
		r.Header.Del("Upgrade")
		proxy.ServeHTTP(w, r)
	})
	g.mux.HandleFunc("/async-function/", g.accept)
	system := func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="Restricted"`)
			http.Error(w, "invalid credentials", http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}
	g.mux.HandleFunc("/system/info", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, info)
	})
	for _, path := range []string{"/system/functions", "/system/function/", "/system/namespaces"} {
		g.mux.HandleFunc(path, system)
	}
	g.mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	go g.work(ctx)
	return g
}

func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }

// mark gives a call its id and time; the id is returned only when it is new.
func mark(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Call-Id") == "" {
		id := rand.Text()
		r.Header.Set("X-Call-Id", id)
		w.Header().Set("X-Call-Id", id)
	}
	now := strconv.FormatInt(time.Now().UnixNano(), 10)
	r.Header.Add("X-Start-Time", now)
	w.Header().Set("X-Start-Time", now)
	w.Header().Set("X-Served-By", "openfaas-ce/stand-in")
}

// accept answers 202 from memory, whether there is such a function or not.
func (g *Gateway) accept(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if _, err := url.Parse(r.Header.Get("X-Callback-Url")); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if len(body) > MaxAsyncBody {
		http.Error(w, fmt.Sprintf("Error queuing request: request body too large for OpenFaaS CE (%d bytes), maximum: %d bytes", len(body), MaxAsyncBody), http.StatusInternalServerError)
		return
	}
	mark(w, r)
	path := "/function/" + strings.TrimPrefix(r.URL.RequestURI(), "/async-function/")
	select {
	case g.waiting <- call{path, r.Header.Clone(), body}:
		w.WriteHeader(http.StatusAccepted)
	default:
		http.Error(w, "Error queuing request: full", http.StatusInternalServerError)
	}
}

// work is the one worker: each call once, whatever comes of it.
func (g *Gateway) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-g.waiting:
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.path, bytes.NewReader(c.body))
			if err != nil {
				continue
			}
			req.Header = c.header
			g.ServeHTTP(&discard{header: http.Header{}}, req)
		}
	}
}

// discard is an answer that nobody waits for.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
