package gateway

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Bounds of connections.
const (
	MaxConns      = 4096 // an idle one costs some 10 KiB
	MaxConnsPerIP = 64
)

// refusing bounds the connections that are being told they are too many.
const refusing = 256

// Limit bounds the connections that l has open at once, in all and from one
// address. Those from this machine count only in all: everyone behind a proxy
// here, and the store itself, comes from one address. One too many is told so
// (503, Retry-After) and closed, and never waits in a queue that nobody sees.
func Limit(l net.Listener, total, perIP int) net.Listener {
	return &limited{Listener: l, total: total, perIP: perIP, from: map[netip.Addr]int{}, refuse: make(chan struct{}, refusing)}
}

type limited struct {
	net.Listener
	total, perIP int
	refuse       chan struct{}

	mu   sync.Mutex
	open int
	from map[netip.Addr]int
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ip := address(c)
		if l.enter(ip) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { l.leave(ip) })}, nil
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

// address is whose connection it is; the zero one means nobody's in particular.
func address(c net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil || ap.Addr().Unmap().IsLoopback() {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

func (l *limited) enter(ip netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.total || ip.IsValid() && l.from[ip] >= l.perIP {
		return false
	}
	l.open++
	if ip.IsValid() {
		l.from[ip]++
	}
	return true
}

func (l *limited) leave(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.from[ip]--; l.from[ip] <= 0 {
		delete(l.from, ip)
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

// CloseWrite and SyscallConn are what it can do.
func (c *counted) CloseWrite() error {
	if t, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (c *counted) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
