package ingress

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds of connections.
const (
	maxConns           = 4096 // an idle one costs some 10 KiB
	maxConnsPerAddress = 64
)

// refusing bounds the connections that are being told they are too many.
const refusing = 256

// limit bounds the connections that l has open at once, in all and from one
// address. Those from this machine and from exempt addresses count only in all:
// everyone behind a proxy comes from its address. One too many is told so (503,
// Retry-After) and closed, and never waits in a queue that nobody sees. A silent
// limit only closes it.
func limit(l net.Listener, total, perAddress int, exempt func(netip.Addr) bool, silent bool) net.Listener {
	return &limited{Listener: l, places: newPlaces(total, perAddress, exempt), silent: silent, refuse: make(chan struct{}, refusing)}
}

type limited struct {
	net.Listener
	places *places
	silent bool
	refuse chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if leave := l.places.enter(addressOf(c.RemoteAddr().String())); leave != nil {
			return &counted{Conn: c, leave: sync.OnceFunc(leave)}, nil
		}
		if l.silent {
			_ = c.Close()
			continue
		}
		select {
		case l.refuse <- struct{}{}:
			go func() {
				sayFull(c)
				<-l.refuse
			}()
		default:
			_ = c.Close()
		}
	}
}

// sayFull answers before the request is read. What the client has sent is read
// for a moment, since closing over unread bytes would reset the answer away.
func sayFull(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, err := io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nX-OpenFaaS-Internal: proxy\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n\r\ntoo many connections\n")
	if t, ok := c.(interface{ CloseWrite() error }); ok && err == nil && t.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c, 64<<10)
	}
}

// counted is a connection that leaves when it closes.
type counted struct {
	net.Conn
	leave func()
}

// NetConn is the connection below.
func (c *counted) NetConn() net.Conn { return c.Conn }

// CloseWrite lets net/http and tunnels end one direction alone.
func (c *counted) CloseWrite() error {
	if t, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
