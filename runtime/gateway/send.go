package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"fnstore/connectors/topic"
	"fnstore/kit/fault"
	"fnstore/runtime/forward"
)

// maxShort is the longest body, in bytes, that is read before a replica is asked
// for: a client that is slow to send it keeps nobody waiting. A longer one, or one
// of unknown length, goes to the function while that answers already.
const maxShort = 16 << 10

func (c *call) readShort() error {
	n := c.r.ContentLength
	if n <= 0 || n > maxShort {
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.r.Body, b); err != nil {
		return err
	}
	c.r.Body = io.NopCloser(bytes.NewReader(b))
	return nil
}

// send sends the call on and passes the answer back.
func (c *call) send(ctx context.Context, to http.RoundTripper) {
	if c.duplex = c.r.ContentLength < 0 || c.r.ContentLength > maxShort; c.duplex {
		_ = http.NewResponseController(c.w).EnableFullDuplex() // not supported by tests' recorders only
	}
	res, err := to.RoundTrip(c.request(ctx))
	if err != nil {
		c.failed(err)
		return
	}
	c.step.ownTime(res.Header, c.start)
	defer res.Body.Close() // and then the request's body is read no more
	if err := checkAnswer(res); err != nil {
		c.fail(err)
		return
	}
	if _, asks := res.Header[topic.HeaderPublish]; asks {
		if err := c.publish(ctx, res); err != nil {
			c.failed(err)
			return
		}
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		c.tunnel(ctx, res)
		return
	}
	c.answer(res)
}

// request is the call as the function gets it. Of the protocols one can upgrade
// to, WebSocket goes through; HTTP/2 without TLS does not.
func (c *call) request(ctx context.Context) *http.Request {
	in := c.r
	out := &http.Request{
		Method: in.Method, Host: in.Host, Header: c.g.functionHeaders(in, c.start),
		URL: &url.URL{Scheme: "http", RawQuery: in.URL.RawQuery, ForceQuery: in.URL.ForceQuery},
	}
	c.step.mark(out.Header)
	setPath(out.URL, c.path)
	if in.ContentLength != 0 {
		out.ContentLength = in.ContentLength
		out.Body = http.MaxBytesReader(c.w, in.Body, maxBodyBytes)
	}
	if websocket(in) {
		out.Header["Connection"], out.Header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	}
	return out.WithContext(ctx)
}

// websocket reports that the client asks for the protocol of RFC 6455.
func websocket(r *http.Request) bool {
	if len(r.Header["Upgrade"]) != 1 || !strings.EqualFold(r.Header["Upgrade"][0], "websocket") {
		return false
	}
	for _, list := range r.Header["Connection"] {
		for option := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(option), "upgrade") {
				return true
			}
		}
	}
	return false
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

// failed answers when no answer of the function could be had.
func (c *call) failed(err error) {
	var over *http.MaxBytesError
	var known *fault.Error
	switch blame := c.body.blame(); {
	case errors.As(err, &over):
		err = fault.New(fault.TooLarge, "body_too_large", "a call's body may have %d bytes", over.Limit)
	case blame != nil:
		if err = blame; c.r.ProtoMajor == 1 {
			c.w.Header().Set("Connection", "close") // where the next request begins is not known
		}
	case errors.Is(err, context.DeadlineExceeded):
		err = fault.New(fault.Timeout, "function_timeout", "the function did not answer within %s", c.timeout)
	case errors.Is(err, context.Canceled):
		panic(http.ErrAbortHandler) // the caller has gone: an answer would be a 200 without a body
	case errors.Is(err, forward.ErrHeadTooLong):
		err = headersTooLarge(forward.MaxHead)
	case errors.As(err, &known):
	default:
		err = fault.New(fault.BadGateway, "function_unreachable", "the function ended the connection before it answered").Because(err)
	}
	c.fail(err)
}

func (c *call) fail(err error) {
	c.closeUnlessRead()
	fail(c.w, c.r, err)
}

// closeUnlessRead comes before every answer. Where a body that is still coming
// ends, the server would not know: what follows of it could be taken for the
// next request, so there is none on this connection.
func (c *call) closeUnlessRead() {
	if c.duplex && !c.body.read() && c.r.ProtoMajor == 1 {
		c.w.Header().Set("Connection", "close")
	}
}

// copyBody passes the body of an answer on, and each part of it at once when
// its length is unknown or it is a stream of events.
func (c *call) copyBody(res *http.Response) error {
	var to io.Writer = c.w
	if events := strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream"); events || res.ContentLength < 0 {
		control := http.NewResponseController(c.w)
		if events || c.duplex && !c.body.read() {
			_ = control.Flush() // the head is worth something by itself
		}
		to = prompt{c.w, control}
	}
	b := buffers.Get().(*[maxBuffered]byte)
	defer buffers.Put(b)
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, releasing{c, res.Body}, b[:])
	return err
}

// releasing frees the call's place when the function has said all: before the
// client has the end, since its next call would find the place taken.
type releasing struct {
	c    *call
	body io.Reader
}

func (r releasing) Read(b []byte) (int, error) {
	n, err := r.body.Read(b)
	if err == io.EOF {
		r.c.release()
	}
	return n, err
}

// prompt is a writer that keeps nothing back.
type prompt struct {
	io.Writer
	control *http.ResponseController
}

func (p prompt) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if err == nil {
		err = p.control.Flush()
	}
	return n, err
}
