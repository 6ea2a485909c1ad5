package gateway

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/queue"
	"fnstore/kit/wire"
	"fnstore/runtime/express"
)

// Taken is a replica that is ready, and that a call was counted in at.
type Taken interface {
	Socket() string               // that it listens at
	Transport() http.RoundTripper // reaches it as Acquire's does
	Deployment() *types.FunctionDeployment
	Release()
}

// Carrier carries plain calls of functions that are ready. Whatever it does not
// take up comes to ServeHTTP, and so does what it has begun and cannot end; what
// both do is the same (TestBothWaysAreTheSame). It is nil without Config.Take.
func (g *Gateway) Carrier() express.Carrier {
	if g.cfg.Take == nil {
		return nil
	}
	return carrier{g}
}

type carrier struct{ g *Gateway }

// lane is a call that is carried.
type lane struct {
	g       *Gateway
	taken   Taken
	counted *series
	start   time.Time
	timeout time.Duration
	id      string
	ct      string // of the request, "" for none
	q       *express.Request
	path    []byte // with its query; of q, as the others
	remote  string // address, without its port
}

// Begin implements express.Carrier.
func (k carrier) Begin(q *express.Request, remote string, dst []byte, late bool) (express.Call, []byte, string) {
	g := k.g
	name, path, ok := simple(q.Target[len(Functions):])
	if !ok || len(q.Method) == len("HEAD") && string(q.Method) == http.MethodHead {
		return nil, nil, ""
	}
	if g.inflight.Add(1) > int64(g.cfg.MaxInflight) {
		g.inflight.Add(-1)
		return nil, g.refuse(dst, q, overloaded()), ""
	}
	taken, full, ok := g.cfg.Take(name, anybodys)
	if !ok {
		g.inflight.Add(-1)
		switch {
		case full == 0:
			return nil, nil, ""
		case !late:
			return nil, nil, name
		}
		return nil, g.full(dst, q, name, full), ""
	}
	counted := g.metrics.of(name)
	if counted.open.Add(1) > g.share() {
		counted.open.Add(-1)
		taken.Release()
		g.inflight.Add(-1)
		return nil, g.refuse(dst, q, functionOverloaded()), ""
	}
	counted.begin()
	l := &lane{g: g, taken: taken, counted: counted, start: time.Now(), timeout: g.timeout(taken.Deployment().EnvVars), id: laneID(q), q: q, path: path}
	l.remote, _, _ = net.SplitHostPort(remote)
	return l, nil, ""
}

// anybodys says of a function that it takes anybody's calls.
func anybodys(d *types.FunctionDeployment) bool { return !internal(d.Annotations) }

// simple splits what follows /function/ into the function's name and the path
// that it sees, with the query. It takes no path that is worth a second look.
func simple(target []byte) (name string, path []byte, ok bool) {
	path, _, _ = bytes.Cut(target, []byte{'?'})
	for i, c := range path {
		if c == '%' || c == '\\' || c == ';' || c == '/' && i+1 < len(path) && (path[i+1] == '.' || path[i+1] == '/') {
			return "", nil, false
		}
	}
	n, _, _ := bytes.Cut(path, []byte{'/'})
	path = target[len(n):]
	n = bytes.TrimSuffix(n, []byte("."+Namespace))
	name = string(n)
	return name, path, functionName(name)
}

// laneID is callID of a request that is carried.
func laneID(q *express.Request) string {
	id, n := "", 0
	for _, f := range q.Fields {
		if len(f.Name) == len(wire.CallID) && roleOf(f.Name) == callIDs {
			id = string(f.Value)
			n++
		}
	}
	if n == 1 && goodCallID(id) {
		return id
	}
	return queue.CallID()
}

// Socket implements express.Call.
func (l *lane) Socket() string { return l.taken.Socket() }

// noLimit is later than any call: express.Call wants a time.
const noLimit = 100 * 365 * 24 * time.Hour

// Until implements express.Call.
func (l *lane) Until() time.Time {
	if l.timeout == 0 {
		return l.start.Add(noLimit)
	}
	return l.start.Add(l.timeout)
}

// Request implements express.Call: what functionHeaders does.
func (l *lane) Request(dst []byte) []byte {
	q := l.q
	dst = append(append(dst, q.Method...), ' ')
	if len(l.path) == 0 || l.path[0] == '?' {
		dst = append(dst, '/')
	}
	dst = append(append(dst, l.path...), " HTTP/1.1\r\nHost: "...)
	dst = append(append(dst, q.Host...), "\r\n"...)
	agent := false
	for _, f := range q.Fields {
		switch roleOf(f.Name) {
		case hop, platforms, startTime, internalMark, callIDs:
			continue
		case userAgent:
			agent = true
		case contentType:
			if l.ct == "" {
				l.ct = string(f.Value)
			}
		case authorization:
			if l.g.operatorsOwn(string(f.Value)) {
				continue
			}
		}
		dst = appendField(dst, f)
	}
	if !agent {
		dst = append(append(append(dst, "User-Agent: "...), l.g.served[0]...), "\r\n"...)
	}
	dst = append(append(append(dst, wire.CallID+": "...), l.id...), "\r\nX-Start-Time: "...)
	dst = append(strconv.AppendInt(dst, l.start.UnixNano(), 10), "\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: "...)
	dst = append(append(dst, q.Host...), "\r\n"...)
	if l.remote != "" {
		dst = append(append(append(dst, "X-Forwarded-For: "...), l.remote...), "\r\n"...)
	}
	if m := string(q.Method); len(q.Body) > 0 || m == http.MethodPost || m == http.MethodPut || m == http.MethodPatch { // RFC 9110 section 8.6
		dst = append(strconv.AppendInt(append(dst, "Content-Length: "...), int64(len(q.Body)), 10), "\r\n"...)
	}
	dst = append(append(dst, "\r\n"...), q.Body...)
	l.q, l.path = nil, nil // are valid no longer
	return dst
}

func appendField(dst []byte, f express.Field) []byte {
	dst = append(append(dst, f.Name...), ": "...)
	return append(append(dst, f.Value...), "\r\n"...)
}

// Answer implements express.Call: what head and mark do.
func (l *lane) Answer(dst []byte, a *express.Answer) ([]byte, bool) {
	dst = appendStatus(dst, a.Status)
	typed, date := false, false
	for _, f := range a.Fields {
		switch roleOf(f.Name) {
		case hop, callIDs, startTime, servedBy:
			continue
		case internalMark:
			if strings.EqualFold(string(f.Value), ours) {
				return nil, false // it speaks in our name
			}
		case contentType:
			typed = true
		case dated:
			date = true
		}
		dst = appendField(dst, f)
	}
	if !typed && a.Status != http.StatusNoContent {
		ct := l.ct
		if ct == "" {
			ct = untyped
		}
		dst = append(append(append(dst, "Content-Type: "...), ct...), "\r\n"...)
	}
	dst = append(append(append(dst, wire.CallID+": "...), l.id...), "\r\nX-Start-Time: "...)
	dst = append(strconv.AppendInt(dst, l.start.UnixNano(), 10), "\r\nX-Served-By: "...)
	dst = append(append(dst, l.g.served[0]...), "\r\n"...)
	if !date {
		dst = append(dst, express.Date(time.Now())...)
	}
	switch {
	case a.Chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case a.Status != http.StatusNoContent:
		dst = append(strconv.AppendInt(append(dst, "Content-Length: "...), int64(len(a.Body)), 10), "\r\n"...)
	}
	if a.Last {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(append(dst, "\r\n"...), a.Body...), true
}

// End implements express.Call.
func (l *lane) End(status int) {
	l.g.metrics.end(l.counted, status, time.Since(l.start))
	l.counted.open.Add(-1)
	l.taken.Release()
	l.g.inflight.Add(-1)
}

// resume goes on with a call that was carried until something was not plain.
func (g *Gateway) resume(w http.ResponseWriter, r *http.Request, b *express.Begun) {
	l := b.Call.(*lane)
	rec := &recorder{ResponseWriter: w, patience: g.cfg.Patience}
	defer func() { l.End(rec.status()) }()
	r.Header.Set(wire.CallID, l.id)
	w.Header().Set(wire.CallID, l.id)
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	name, path, err := target(strings.TrimPrefix(raw, Functions))
	if err != nil { // it would not have been begun
		b.Drop()
		fail(rec, r, err)
		return
	}
	c := &call{g: g, w: rec, r: r, function: name, path: path, start: l.start, timeout: l.timeout}
	ctx, over := g.expiry.begin(c)
	defer over()
	c.send(ctx, b.Transport(l.taken.Transport()))
}
