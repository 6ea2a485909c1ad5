package forward

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"
)

// sending is a request's body on its way.
type sending struct {
	over chan struct{} // closed when nothing is sent any more; nil when that was at once
	read error         // of reading the body; set before over is closed
	err  error         // of sending it
}

// end ends what is still being sent and waits for it.
func (s *sending) end(r *http.Request) {
	if s != nil && s.over != nil {
		_ = r.Body.Close()
		<-s.over
	}
}

// linger is how long a body may still be on its way when its answer has come: a
// server that answered all of it may be faster than the one who sent it.
const linger = 50 * time.Millisecond

// whole reports that all of the body was sent.
func (s *sending) whole() bool {
	if s.over != nil {
		select {
		case <-s.over:
		case <-time.After(linger):
			return false
		}
	}
	return s.read == nil && s.err == nil
}

// failed is what was wrong with the body, once it is over.
func (s *sending) failed() error {
	if s == nil {
		return nil
	}
	return s.read
}

// exchange sends the request and reads the head of the answer. A server may
// answer and close before it has read the request, so that what broke while
// sending matters only when no answer is there.
func (c *conn) exchange(r *http.Request) (*sending, *http.Response, error) {
	c.unheard = true
	sent, err := c.send(r)
	if err == nil && sent.over == nil {
		err = sent.read
	}
	if err != nil {
		return sent, nil, err
	}
	res, err := c.readHead(r, sent)
	return sent, res, err
}

// readHead reads the head of the answer.
func (c *conn) readHead(r *http.Request, sent *sending) (*http.Response, error) {
	if c.in == nil {
		c.in = readers.Get().(*bufio.Reader)
		c.in.Reset(c)
	}
	c.allow = MaxHead
	for range hints + 1 {
		res, err := http.ReadResponse(c.in, r)
		switch {
		case err != nil:
			if sent.over == nil && sent.err != nil {
				err = sent.err
			}
			return nil, err
		case res.StatusCode == http.StatusSwitchingProtocols && r.Header["Upgrade"] == nil:
			return nil, errors.New("an upgrade that nobody asked for")
		case res.StatusCode >= 200 || res.StatusCode < 100 || res.StatusCode == http.StatusSwitchingProtocols:
			c.allow = math.MaxInt64
			return res, nil
		}
	}
	return nil, fmt.Errorf("more than %d answers before the answer", hints)
}

// send writes the request, the body too when it is short, else in a goroutine.
func (c *conn) send(r *http.Request) (*sending, error) {
	out := writers.Get().(*bufio.Writer)
	out.Reset(c)
	give := func() {
		out.Reset(nil)
		writers.Put(out)
	}
	if err := writeHead(out, r); err != nil {
		give()
		return nil, err
	}
	s := new(sending)
	switch {
	case bodyless(r):
		s.err = out.Flush()
	case r.ContentLength > 0 && r.ContentLength <= inline:
		s.body(out, r)
	default:
		s.over = make(chan struct{})
		go func() {
			defer close(s.over)
			defer give()
			s.body(out, r)
			if s.read != nil {
				c.interrupt() // nobody need wait for an answer to half a request
			}
		}()
		return s, nil
	}
	give()
	return s, nil
}

// body sends the body and tells a body that could not be read from a server
// that could not be written to.
func (s *sending) body(out *bufio.Writer, r *http.Request) {
	from := &source{r: r.Body}
	switch {
	case r.ContentLength <= 0: // unknown, as in http.Client
		s.err = chunks(out, from)
	default:
		n, err := int64(0), error(nil)
		if r.ContentLength <= inline {
			n, err = out.ReadFrom(io.LimitReader(from, r.ContentLength))
		} else if err = out.Flush(); err == nil {
			n, err = pass(out, io.LimitReader(from, r.ContentLength))
		}
		if s.err = err; err == nil && n < r.ContentLength {
			s.err, from.err = io.ErrUnexpectedEOF, io.ErrUnexpectedEOF
		}
	}
	if s.read = from.err; s.err == nil {
		s.err = out.Flush()
	}
}

// chunks sends a body of unknown length, each part as it comes.
func chunks(out *bufio.Writer, from io.Reader) error {
	if err := out.Flush(); err != nil { // the body may be long in coming
		return err
	}
	to := httputil.NewChunkedWriter(out)
	if _, err := pass(flusher{to, out}, from); err != nil {
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	_, err := out.WriteString("\r\n")
	return err
}

// flusher sends what it is given at once.
type flusher struct {
	io.Writer
	out *bufio.Writer
}

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.Writer.Write(b)
	if err == nil {
		err = f.out.Flush()
	}
	return n, err
}

// pass copies with a buffer that is lent.
func pass(to io.Writer, from io.Reader) (int64, error) {
	b := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(b)
	return io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, b[:])
}

// source remembers what was wrong with what is read.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

var errRequest = errors.New("the request cannot be written as HTTP/1.1")

// writeHead writes the request line and the headers (RFC 9112 sections 3 and 5)
// with the framing that follows from ContentLength.
func writeHead(out *bufio.Writer, r *http.Request) error {
	method, target, host := r.Method, r.URL.RequestURI(), r.Host
	if method == "" {
		method = http.MethodGet
	}
	if host == "" {
		host = r.URL.Host
	}
	if !plain(method) || !plain(target) || !plain(host) {
		return errRequest
	}
	put := func(parts ...string) {
		for _, p := range parts {
			_, _ = out.WriteString(p) // its error is Flush's too
		}
	}
	put(method, " ", target, " HTTP/1.1\r\nHost: ", host, "\r\n")
	for name, values := range r.Header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		}
		for _, v := range values {
			if !plain(name) || strings.IndexByte(name, ':') >= 0 || strings.ContainsAny(v, "\r\n\x00") {
				return errRequest
			}
			put(name, ": ", v, "\r\n")
		}
	}
	switch {
	case r.ContentLength > 0:
		var digits [20]byte
		put("Content-Length: ")
		_, _ = out.Write(strconv.AppendInt(digits[:0], r.ContentLength, 10))
		put("\r\n")
	case !bodyless(r):
		put("Transfer-Encoding: chunked\r\n")
	case method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch:
		put("Content-Length: 0\r\n") // RFC 9110 section 8.6
	}
	put("\r\n")
	return nil
}

// plain reports that s can stand in a request line: no spaces, no controls.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
