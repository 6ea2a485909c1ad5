package plain

import (
	"errors"
	"net"
	"sync"
	"syscall"
)

// handover is the listener of the other server.
type handover struct {
	net.Listener
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handover) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// give hands a connection over with what was read of it.
func (h *handover) give(c net.Conn, read []byte) {
	select {
	case h.conns <- &begun{Conn: c, read: read}:
	case <-h.done:
		_ = c.Close()
	}
}

// begun is a connection of which something was read. http.Server has one Read
// of it at a time.
type begun struct {
	net.Conn
	read []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.read) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.read)
	b.read = b.read[n:]
	return n, nil
}

// CloseWrite lets http.Server end its side first, so that an answer is not
// reset away by what the client still sends.
func (b *begun) CloseWrite() error {
	if c, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SyscallConn gives the descriptor to who asks for it.
func (b *begun) SyscallConn() (syscall.RawConn, error) {
	if c, ok := b.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
