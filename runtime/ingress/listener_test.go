package ingress

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
)

// fakeListener hands out what it is given.
type fakeListener struct{ conns chan net.Conn }

func (l fakeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l fakeListener) Close() error   { return nil }
func (l fakeListener) Addr() net.Addr { return &net.TCPAddr{} }

// from is a connection that says it comes from an address.
type from struct {
	net.Conn
	addr net.TCPAddr
}

func (c from) RemoteAddr() net.Addr { return &c.addr }

// bounded is a listener with a bound and those who connect to it.
type bounded struct {
	t        *testing.T
	conns    chan net.Conn
	accepted chan net.Conn
}

func newBounded(t *testing.T, total, perAddress int, silent bool) *bounded {
	b := &bounded{t, make(chan net.Conn), make(chan net.Conn)}
	proxy := netip.MustParseAddr("192.0.2.200")
	l := limit(fakeListener{b.conns}, total, perAddress, func(a netip.Addr) bool { return a == proxy }, silent)
	go func() {
		defer close(b.accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.accepted <- c
		}
	}()
	t.Cleanup(func() { close(b.conns); <-b.accepted })
	return b
}

func (b *bounded) dial(ip string) net.Conn {
	client, server := net.Pipe()
	b.conns <- from{server, net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}
	return client
}

func (b *bounded) enters(ip string) net.Conn {
	b.t.Helper()
	b.dial(ip)
	return <-b.accepted
}

func (b *bounded) refused(ip string) {
	b.t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(b.dial(ip)), nil)
	if err != nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !res.Close {
		b.t.Errorf("from %s: %v, %v", ip, res, err)
		return
	}
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "too many connections\n" {
		b.t.Errorf("%q, %v", body, err)
	}
}

func TestListener_ConnectionsAreBounded(t *testing.T) {
	b := newBounded(t, 5, 2, false)
	first := b.enters("192.0.2.1")
	b.enters("::ffff:192.0.2.1") // the same address, written otherwise
	b.refused("192.0.2.1")
	b.enters("192.0.2.2")
	b.enters("127.0.0.1")
	fifth := b.enters("127.0.0.1")
	b.refused("192.0.2.3") // in all
	_ = first.Close()
	_ = first.Close() // leaves once
	b.enters("192.0.2.1")
	b.refused("127.0.0.1")
	_ = fifth.Close()
	b.refused("192.0.2.1")
	b.enters("127.0.0.1")
}

func TestListener_AnIPv6NetworkIsOneClient(t *testing.T) {
	b := newBounded(t, 5, 2, false)
	b.enters("2001:db8::1")
	b.enters("2001:db8::2")
	b.refused("2001:db8::3")
	b.enters("2001:db8:0:1::1")
}

func TestListener_AProxysConnectionsCountInAllOnly(t *testing.T) {
	b := newBounded(t, 4, 1, false)
	for range 4 {
		b.enters("192.0.2.200")
	}
	b.refused("192.0.2.200")
}

func TestListener_AFullTLSPortSaysNothing(t *testing.T) {
	b := newBounded(t, 1, 1, true)
	only := b.enters("192.0.2.1")
	if got, err := io.ReadAll(b.dial("192.0.2.2")); len(got) > 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_ = only.Close()
	b.enters("192.0.2.2")
}
