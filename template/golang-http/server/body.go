package server

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// maxLeft is how much of a body that the handler left unread is read to keep
// the connection, in bytes; net/http's own measure.
const maxLeft = 256 << 10

// body is a request's body. A handler may answer while it still reads, in full
// duplex; without that, net/http reads the rest itself as soon as an answer
// begins, and the handler finds nothing more.
type body struct {
	io.ReadCloser
	ended atomic.Bool // its end was seen
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.ended.Store(true)
	}
	return n, err
}

// duplex gives r a body of that kind.
func (c *call) duplex(r *http.Request) *http.Request {
	if both, ok := c.rw.(interface{ EnableFullDuplex() error }); ok && both.EnableFullDuplex() == nil {
		if c.expects = r.Header["Expect"] != nil; c.expects {
			r = r.WithContext(r.Context()) // net/http looks at the body of its own
		}
		c.body.ReadCloser = r.Body
		r.Body = &c.body
	}
	return r
}

// finish makes sure that net/http finds nothing left of the body: in full
// duplex it would not notice a body that broke off, and take the rest for the
// next request (RFC 9112 section 9.3). A connection whose body did not end
// takes no other request.
func (c *call) finish() {
	if c.body.ReadCloser == nil || c.body.ended.Load() || c.expects {
		return // for one that waits for 100 Continue, net/http closes the connection
	}
	if _, err := io.CopyN(io.Discard, &c.body, maxLeft); err != io.EOF {
		c.link.deaf.Store(true)
	}
}

// Read gives nothing more once the connection is deaf. What net/http has read
// ahead by then, ServeHTTP refuses.
func (k *link) Read(p []byte) (int, error) {
	if k.deaf.Load() {
		return 0, io.EOF
	}
	return k.Conn.Read(p)
}

// hangUp closes a connection on which the client is still talking, so that it
// can read its answer first: closed with bytes unread, it would be reset.
func (k *link) hangUp() {
	k.CloseWrite()
	k.Conn.SetReadDeadline(time.Now().Add(linger))
	io.Copy(io.Discard, k.Conn)
	k.Conn.Close()
}
