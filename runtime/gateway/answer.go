package gateway

import (
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"fnstore/connectors/topic"
	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// MaxHeaders is the most that the headers of a request or of a function's answer
// may have, in bytes: what clients commonly take.
const MaxHeaders = 64 << 10

func headersTooLarge(size int) error {
	return fault.New(fault.BadGateway, "function_headers_too_large", "the headers of the function's answer have %d bytes or more, %d are the most", size, MaxHeaders)
}

// checkAnswer refuses an answer that no client could be given.
func checkAnswer(res *http.Response) error {
	size := 0
	for name, values := range res.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	switch {
	case size > MaxHeaders:
		return headersTooLarge(size)
	case res.StatusCode < 100 || res.StatusCode > 999:
		return fault.New(fault.BadGateway, "function_bad_answer", "the function answered with %d, which is not an HTTP status", res.StatusCode)
	}
	return nil
}

// maxBuffered is the longest body of an answer, in bytes, that is read before its
// head goes out: when it breaks off, its caller gets an error instead.
const maxBuffered = 32 << 10

// answer passes on what the function said, completed. A longer answer that breaks
// off ends the connection: its caller shall see that it is not whole.
func (c *call) answer(res *http.Response) {
	if n := res.ContentLength; n > 0 && n <= maxBuffered && c.r.Method != http.MethodHead {
		c.short(res)
		return
	}
	h := c.w.Header()
	c.head(h, res)
	announced := map[string]bool{}
	for name := range res.Trailer {
		if name == topic.HeaderPublish { // too late to ask for, and no client's
			continue
		}
		h.Add("Trailer", name)
		announced[name] = true
	}
	c.closeUnlessRead()
	c.w.WriteHeader(res.StatusCode)
	if err := c.copyBody(res); err != nil {
		panic(http.ErrAbortHandler)
	}
	if len(res.Trailer) > 0 {
		_ = http.NewResponseController(c.w).Flush() // a short answer would get a length, and have no room for trailers
		for name, values := range res.Trailer {
			if announced[name] {
				h[name] = values
			} else if name != topic.HeaderPublish && !hopByHop[name] && !forged(name) && name != wire.CallID && name != "Content-Length" {
				h[http.TrailerPrefix+name] = values
			}
		}
	}
}

// short passes on an answer whose body is read first.
func (c *call) short(res *http.Response) {
	b := buffers.Get().(*[maxBuffered]byte)
	defer buffers.Put(b)
	body := b[:res.ContentLength]
	if _, err := io.ReadFull(res.Body, body); err != nil {
		c.failed(err)
		return
	}
	c.release()
	c.head(c.w.Header(), res)
	c.closeUnlessRead()
	c.w.WriteHeader(res.StatusCode)
	_, _ = c.w.Write(body) // a client that has gone is the server's matter
}

// untyped is the type of an answer when neither side has said one.
const untyped = "text/plain; charset=utf-8"

// head copies the headers of the answer: all that speak of it, none that speak
// of the connection it came over or that only the gateway may set.
func (c *call) head(h http.Header, res *http.Response) {
	for name, values := range res.Header {
		if !hopByHop[name] && name != wire.CallID {
			h[name] = values
		}
	}
	for _, list := range res.Header["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			if name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)); name != "" && !endToEnd[name] {
				delete(h, name)
			}
		}
	}
	if len(h["Content-Type"]) == 0 && res.StatusCode != http.StatusNoContent && res.StatusCode != http.StatusNotModified {
		ct := c.r.Header.Get("Content-Type")
		if ct == "" {
			ct = untyped
		}
		h["Content-Type"] = []string{ct}
	}
	for _, v := range h[canonicalInternal] {
		if strings.EqualFold(strings.TrimSpace(v), byGateway) {
			delete(h, canonicalInternal) // a function speaks for its server, never for us
			break
		}
	}
	c.g.mark(h, c.start)
}

// mark says who answered, and when the call began, in nanoseconds since 1970.
func (g *Gateway) mark(h http.Header, start time.Time) {
	h["X-Start-Time"] = []string{strconv.FormatInt(start.UnixNano(), 10)}
	h["X-Served-By"] = g.served
}
