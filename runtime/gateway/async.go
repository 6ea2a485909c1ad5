package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
	"fnstore/runtime/spans"
)

// Bounds of calls on their way into the queue.
const (
	maxQueuing = 128 << 20        // bytes of bodies held at once
	perMessage = 64 << 10         // counted for each, whatever its body's length
	commitTime = 10 * time.Second // until the queue has to have answered
)

// async puts a call into the queue. It answers 202 when the message is
// committed, and no earlier: from then on it cannot be lost.
func (g *Gateway) async(w http.ResponseWriter, r *http.Request, rest string) {
	switch {
	case g.cfg.Enqueue == nil:
		wire.Fail(w, r, fault.New(fault.NotFound, "no_queue", "this gateway has no queue"))
	case r.Method == http.MethodDelete && g.cfg.Cancel != nil:
		g.cancel(w, r, rest)
	case r.Method != http.MethodPost:
		notAllowed(w, r, "POST")
	default:
		if err := g.enqueue(w, r, rest); err != nil {
			fail(w, r, err)
		}
	}
}

func (g *Gateway) enqueue(w http.ResponseWriter, r *http.Request, rest string) (err error) {
	start := time.Now()
	name, path, err := target(rest)
	if err != nil {
		return err
	}
	s, err := g.cfg.Provider.Get(r.Context(), name)
	if err != nil {
		return err
	}
	step := takeStep(r.Header)
	defer func() {
		status := http.StatusAccepted
		if err != nil {
			status = fault.Of(err).Kind.Status()
		}
		g.record(spans.Accept, &step, r, s.Name, start, status, codeOf(err))
	}()
	if internal(s.Annotations) { // a stranger's message is delivered unsigned: refused now rather than then
		return onlyInternal(name)
	}
	callback, err := g.callback(r.Header.Values("X-Callback-Url"))
	if err != nil {
		return err
	}
	release, err := g.holdBody(r.ContentLength)
	if err != nil {
		return err
	}
	defer release()
	g.pace(w, r)
	body, err := wire.Body(w, r, queue.MaxBody)
	if err != nil {
		return slow(err)
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		path += "?" + r.URL.RawQuery
	}
	headers := g.messageHeaders(r)
	step.mark(headers)
	ctx, cancel := context.WithTimeout(r.Context(), commitTime)
	defer cancel()
	_, err = g.cfg.Enqueue(ctx, queue.New{
		Function: name, Path: plain(path), Headers: headers, Body: body, CallID: r.Header.Get(wire.CallID),
		Callback: callback,
	})
	if err != nil {
		if fault.Of(err).Kind == fault.Internal {
			err = fault.New(fault.Unavailable, "queue_unavailable", "the call could not be queued; send it again").Because(err)
		}
		return err
	}
	g.mark(w.Header(), start)
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// plain escapes the bytes beyond ASCII, which have no place in a URL (RFC 3986
// section 2.1) and, when they are no UTF-8 either, none in the queue.
func plain(path string) string {
	for i := 0; i < len(path); i++ {
		if path[i] < utf8.RuneSelf {
			continue
		}
		var b strings.Builder
		for _, c := range []byte(path) {
			if c < utf8.RuneSelf {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		return b.String()
	}
	return path
}

// messageHeaders are what of the client's headers a delivery repeats. A
// signature is not among them: it was made for this request.
func (g *Gateway) messageHeaders(r *http.Request) http.Header {
	h := passOn(r.Header, 0)
	for _, name := range []string{"Content-Length", "Expect", "X-Callback-Url", "X-Fnstore-Signature", wire.CallID} {
		delete(h, name)
	}
	g.dropOperatorsAuth(h)
	return h
}

// callback gives the URL that is told how the call ended, "" for none.
func (g *Gateway) callback(urls []string) (string, error) {
	if len(urls) == 0 {
		return "", nil
	}
	u, err := url.Parse(urls[0])
	if err != nil || len(urls) > 1 || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fault.New(fault.Invalid, "bad_callback", "X-Callback-Url is not one http or https URL")
	}
	if g.cfg.Callback == nil {
		return "", fault.New(fault.Invalid, "callback_unsupported", "X-Callback-Url: this gateway delivers no callbacks; ask GET /system/calls/CALL-ID how a call ended")
	}
	return urls[0], g.cfg.Callback(urls[0])
}

// holdBody counts a body in that will be held whole, n bytes or -1 for unknown.
func (g *Gateway) holdBody(n int64) (release func(), err error) {
	if n > queue.MaxBody {
		return nil, fault.New(fault.TooLarge, "body_too_large", "the body is longer than %d bytes", queue.MaxBody)
	}
	if n < 0 {
		n = queue.MaxBody
	}
	n += perMessage
	if g.queuing.Add(n) > maxQueuing {
		g.queuing.Add(-n)
		return nil, fault.New(fault.Unavailable, "too_many_bodies", "the bodies of other calls use all memory for queued calls; send it again")
	}
	return func() { g.queuing.Add(-n) }, nil
}

// cancel takes a message that waits out of the queue. It asks for the password:
// call ids stand in logs, and the store's own messages have such too.
func (g *Gateway) cancel(w http.ResponseWriter, r *http.Request, id string) {
	if !g.authorised(r) {
		unauthorized(w, r)
		return
	}
	wire.Serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
		found := false
		if goodCallID(id) {
			var err error
			if found, err = g.cfg.Cancel(r.Context(), id); err != nil {
				return err
			}
		}
		if !found {
			return fault.New(fault.NotFound, "no_waiting_call", "no call waits with this id")
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	})
}
