package gateway

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// internalHeader marks an answer that the function did not give, and says who
// gave it: the gateway, by the word ours, or the function's server.
const (
	internalHeader    = "X-OpenFaaS-Internal"
	canonicalInternal = "X-Openfaas-Internal"
	ours              = "proxy"
)

// maxHeaders is the most that the headers of a function's answer may have, in
// bytes: what clients commonly take.
const maxHeaders = 64 << 10

// MaxBody is the longest body of a call, in bytes. It is streamed, not held.
const MaxBody = 64 << 20

// call is one call on its way; the proxy's hooks find it in the context.
type call struct {
	function  string
	path      string
	start     time.Time
	timeout   time.Duration
	body      *paced      // nil for none
	header    http.Header // of the answer
	before    http.Header // what of it was set before the call
	transport http.RoundTripper
}

// restore puts back the headers that the gateway set before the call: the proxy
// clears all of them when a function sends a 1xx answer before its own.
func (c *call) restore() {
	for name, values := range c.before {
		c.header[name] = values
	}
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
	body := g.pace(w, r)
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

	counted := g.metrics.begin(name)
	defer func() { g.metrics.end(counted, w.status(), time.Since(start)) }()
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	c := &call{function: name, path: path, start: start, timeout: timeout, body: body, header: w.Header(), before: maps.Clone(w.Header()), transport: transport}
	g.proxy.ServeHTTP(w, r.WithContext(context.WithValue(ctx, callKey{}, c)))
}

// fail answers for the function, and says so.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set(internalHeader, ours)
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
	if err := sound(res); err != nil {
		return err
	}
	if h.Get("Content-Type") == "" && res.StatusCode != http.StatusNoContent && res.StatusCode != http.StatusNotModified {
		ct := res.Request.Header.Get("Content-Type")
		if ct == "" {
			ct = "text/plain; charset=utf-8"
		}
		h.Set("Content-Type", ct)
	}
	delete(h, wire.CallID)
	c.restore()
	for _, v := range h[canonicalInternal] {
		if strings.EqualFold(strings.TrimSpace(v), ours) {
			h.Del(internalHeader) // a function speaks for its server, never for us
			break
		}
	}
	g.mark(h, c.start)
	return nil
}

// sound refuses an answer that no client could be given.
func sound(res *http.Response) error {
	size := 0
	for name, values := range res.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	switch {
	case size > maxHeaders:
		return fault.New(fault.BadGateway, "function_headers_too_large", "the headers of the function's answer have %d bytes, %d are the most", size, maxHeaders)
	case res.StatusCode < 100 || res.StatusCode > 999:
		return fault.New(fault.BadGateway, "function_bad_answer", "the function answered with the status %d, which is none", res.StatusCode)
	}
	return nil
}

// mark says who answered, and when the call began, in nanoseconds since 1970.
func (g *Gateway) mark(h http.Header, start time.Time) {
	h["X-Start-Time"] = []string{strconv.FormatInt(start.UnixNano(), 10)}
	h["X-Served-By"] = g.served
}

// broken answers when no answer of the function could be had.
func (g *Gateway) broken(w http.ResponseWriter, r *http.Request, err error) {
	c := callOf(r)
	c.restore()
	var over *http.MaxBytesError
	var known *fault.Error
	switch blame := c.body.blame(); {
	case errors.As(err, &known): // sound's
	case errors.As(err, &over):
		err = fault.New(fault.TooLarge, "body_too_large", "a call's body may have %d bytes", over.Limit)
	case blame != nil:
		err = blame
		w.Header().Set("Connection", "close") // where the next request begins is not known
	case errors.Is(err, context.DeadlineExceeded):
		err = fault.New(fault.Timeout, "function_timeout", "the function did not answer within %s", c.timeout)
	case errors.Is(err, context.Canceled):
		panic(http.ErrAbortHandler) // the caller has gone: an answer would be a 200 without a body
	default:
		err = fault.New(fault.BadGateway, "function_unreachable", "the function ended the connection before it answered").Because(err)
	}
	fail(w, r, err)
}
