package gateway

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// DefaultStall is how long a client may take nothing of what it is sent, and how
// long the pauses of its body may be in all.
const DefaultStall = 10 * time.Second

// CutStalled ends connections of l whose client takes nothing of what is written
// to it for the time, and no others: one that reads slowly takes a little. A
// deadline for each write would not tell them apart, since a full socket is only
// writable again when a third of its buffer is free, which may be megabytes.
// Deadlines that are set on a connection hold as well.
func CutStalled(l net.Listener, after time.Duration) net.Listener {
	return &stallListener{l, after}
}

type stallListener struct {
	net.Listener
	after time.Duration
}

func (l *stallListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &stallConn{Conn: c, after: l.after}, nil
}

// stallConn is a connection whose writes go on as long as the other side takes
// something. Writes do not run beside each other.
type stallConn struct {
	net.Conn
	after time.Duration

	mu    sync.Mutex
	armed time.Time // the write deadline of Conn; zero: none
	until time.Time // the one that was asked for; zero: none
}

// retries is how often in the time it is looked whether something was taken.
const retries = 10

func (c *stallConn) Write(b []byte) (int, error) {
	sent, wait := 0, c.after
	for last := time.Now(); ; {
		if err := c.arm(wait); err != nil {
			return sent, err
		}
		n, err := c.Conn.Write(b[sent:])
		sent += n
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return sent, err
		}
		if now := time.Now(); n > 0 {
			last = now
		} else if now.Sub(last) >= c.after {
			return sent, err
		}
		wait = c.after / retries
	}
}

// arm has a write end after the time, or at the deadline that was asked for.
func (c *stallConn) arm(wait time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !c.until.IsZero() && !now.Before(c.until) {
		return os.ErrDeadlineExceeded
	}
	if left := c.armed.Sub(now); left > wait/2 && left <= wait {
		return nil // moving a deadline costs more than asking for the time
	}
	c.armed = now.Add(wait)
	if !c.until.IsZero() && c.until.Before(c.armed) {
		c.armed = c.until
	}
	return c.Conn.SetWriteDeadline(c.armed)
}

// SetWriteDeadline implements net.Conn.
func (c *stallConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	if t.IsZero() || !t.Before(c.armed) {
		return nil // the next write sees to it
	}
	c.armed = t
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *stallConn) SetDeadline(t time.Time) error {
	if err := c.Conn.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// NetConn is the connection below.
func (c *stallConn) NetConn() net.Conn { return c.Conn }

// CloseWrite lets net/http and tunnels end one direction alone.
func (c *stallConn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}
