package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// internalHeader marks an answer that the function did not give.
const internalHeader = "X-OpenFaaS-Internal"

// MaxBody is the longest body of a call, in bytes. It is streamed, not held.
const MaxBody = 64 << 20

// call is one call on its way; the proxy's hooks find it in the context.
type call struct {
	function  string
	path      string
	start     time.Time
	timeout   time.Duration
	transport http.RoundTripper
}

type callKey struct{}

func callOf(r *http.Request) *call { return r.Context().Value(callKey{}).(*call) }

// invoke sends the request to the function that rest names.
func (g *Gateway) invoke(w *recorder, r *http.Request, rest string) {
	start := time.Now()
	name, path, err := target(rest)
	if err != nil {
		fail(w, r, err)
		return
	}
	if r.ContentLength > MaxBody {
		fail(w, r, fault.New(fault.TooLarge, "body_too_large", "a call's body may have %d bytes", MaxBody))
		return
	}
	if g.inflight.Add(1) > int64(g.cfg.MaxInflight) {
		g.inflight.Add(-1)
		fail(w, r, fault.New(fault.Unavailable, "overloaded", "as many calls are under way as this gateway takes; send it again"))
		return
	}
	defer g.inflight.Add(-1)
	s, err := g.cfg.Provider.Get(r.Context(), name)
	if err != nil {
		fail(w, r, err)
		return
	}
	pace(w, r)
	if internal(s) {
		release, err := g.admit(w, r, name, path)
		if err != nil {
			fail(w, r, err)
			return
		}
		defer release()
	}
	timeout := g.timeout(s)
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	transport, release, err := g.cfg.Provider.Acquire(ctx, name)
	if err != nil {
		fail(w, r, err)
		return
	}
	defer release()

	label := name + "." + Namespace
	g.metrics.begin(label)
	defer func() { g.metrics.end(label, w.status(), time.Since(start)) }()
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	c := &call{function: name, path: path, start: start, timeout: timeout, transport: transport}
	g.proxy.ServeHTTP(w, r.WithContext(context.WithValue(ctx, callKey{}, c)))
}

// fail answers for the function, and says so.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set(internalHeader, "proxy")
	wire.Fail(w, r, err)
}

func (g *Gateway) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        g.rewrite,
		Transport:      toFunction{},
		ModifyResponse: g.answer,
		ErrorHandler:   g.broken,
		BufferPool:     buffers,
		ErrorLog:       slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
}

// toFunction sends a request over the transport its call was given.
type toFunction struct{}

func (toFunction) RoundTrip(r *http.Request) (*http.Response, error) {
	return callOf(r).transport.RoundTrip(r)
}

// rewrite makes the function's request. Of the protocols one can upgrade to,
// WebSocket goes through; HTTP/2 without TLS does not.
func (g *Gateway) rewrite(pr *httputil.ProxyRequest) {
	c := callOf(pr.In)
	out := pr.Out
	out.URL = &url.URL{Scheme: "http", Host: "function", RawQuery: pr.In.URL.RawQuery, ForceQuery: pr.In.URL.ForceQuery}
	setPath(out.URL, c.path)
	out.Host = pr.In.Host

	upgrade := out.Header["Upgrade"] // what ReverseProxy means to ask for
	out.Header = g.functionHeaders(pr.In, c.start)
	if len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") {
		out.Header["Connection"], out.Header["Upgrade"] = []string{"Upgrade"}, upgrade
	}
}

// setPath makes the URL's request line carry the path byte for byte. Opaque
// does, but a path that begins with two slashes would turn into a host there;
// such a one goes the ordinary way.
func setPath(u *url.URL, path string) {
	if !strings.HasPrefix(path, "//") {
		u.Opaque = path
		return
	}
	u.RawPath = path
	u.Path, _ = url.PathUnescape(path) // checked before
}

// answer completes what the function said.
func (g *Gateway) answer(res *http.Response) error {
	c := callOf(res.Request)
	h := res.Header
	if h.Get("Content-Type") == "" && res.StatusCode != http.StatusNoContent && res.StatusCode != http.StatusNotModified {
		ct := res.Request.Header.Get("Content-Type")
		if ct == "" {
			ct = "text/plain; charset=utf-8"
		}
		h.Set("Content-Type", ct)
	}
	h.Del(wire.CallID)    // ours is set already
	h.Del(internalHeader) // the platform's own word; a function cannot speak it
	g.mark(h, c.start)
	return nil
}

// mark says who answered, and when the call began, in nanoseconds since 1970.
func (g *Gateway) mark(h http.Header, start time.Time) {
	h["X-Start-Time"] = []string{strconv.FormatInt(start.UnixNano(), 10)}
	h["X-Served-By"] = g.served
}

// broken answers when no answer of the function could be had.
func (g *Gateway) broken(w http.ResponseWriter, r *http.Request, err error) {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		err = fault.New(fault.TooLarge, "body_too_large", "a call's body may have %d bytes", over.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = slow(err)
	case errors.Is(err, context.DeadlineExceeded):
		err = fault.New(fault.Timeout, "function_timeout", "the function did not answer within %s", callOf(r).timeout)
	case errors.Is(err, context.Canceled):
		return // the caller has gone
	default:
		w.Header().Set(internalHeader, "proxy")
		p := fault.New(fault.BadGateway, "function_unreachable", "the function ended the connection before it answered").Because(err)
		wire.Fail(w, r, p)
		return
	}
	fail(w, r, err)
}
