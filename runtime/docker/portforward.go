package docker

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// maxForwarded bounds the connections to one service.
const maxForwarded = 1000

// forwardConns passes connections of the subnet to a service until the listener is
// closed.
func forwardConns(l net.Listener, subnet netip.Prefix, service string) {
	open := make(chan struct{}, maxForwarded)
	for {
		from, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files, say: it will pass
			slog.Warn("cannot accept a container's connection", "service", service, "cause", err)
			time.Sleep(time.Second)
			continue
		}
		peer, err := netip.ParseAddrPort(from.RemoteAddr().String())
		if err != nil || !subnet.Contains(peer.Addr().Unmap()) {
			slog.Warn("a service was called from outside of its network", "service", service, "from", from.RemoteAddr().String())
			_ = from.Close()
			continue
		}
		select {
		case open <- struct{}{}:
		default:
			_ = from.Close()
			continue
		}
		go func() {
			defer func() { <-open }()
			defer from.Close()
			to, err := net.DialTimeout("tcp", service, 5*time.Second)
			if err != nil {
				return
			}
			defer to.Close()
			join(from.(*net.TCPConn), to.(*net.TCPConn))
		}()
	}
}

// join copies both ways until both have ended; the end of one way is passed on.
func join(a, b *net.TCPConn) {
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(a, b)
		_ = a.CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(b, a)
	_ = b.CloseWrite()
	<-done
}
