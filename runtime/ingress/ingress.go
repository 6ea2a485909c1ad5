// Package ingress is the public port of the gateway: the address it listens on,
// TLS and HTTP/2, how many connections it takes, and who a client is when a
// proxy stands before it. It does not know what is served there.
package ingress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// DefaultAddress is where the gateway listens unless told otherwise.
const DefaultAddress = "127.0.0.1"

// Config is what an operator says about the port.
type Config struct {
	Address  string // IP address to listen on; "" means DefaultAddress
	Port     int    // 0 takes any that is free
	CertFile string // certificate chain, PEM; "" serves plain HTTP
	KeyFile  string // its key, PEM
	// TrustedProxies are addresses and CIDR ranges, with commas between them, whose
	// word about clients (X-Forwarded-For, -Proto, -Host, Forwarded) is taken.
	TrustedProxies string
}

// Ingress is one public port. Make one with New.
type Ingress struct {
	address     netip.Addr
	port        int
	certificate *certificate // nil for plain HTTP
	proxies     proxies
}

// New checks the settings and reads the certificate. It opens no port.
func New(c Config) (*Ingress, error) {
	if c.Address == "" {
		c.Address = DefaultAddress
	}
	address, err := netip.ParseAddr(c.Address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: it is not an IP address, such as 127.0.0.1 or 0.0.0.0", c.Address)
	}
	in := &Ingress{address: address, port: c.Port}
	if in.proxies, err = parseProxies(c.TrustedProxies); err != nil {
		return nil, err
	}
	switch {
	case c.CertFile != "" && c.KeyFile != "":
		if in.certificate, err = readCertificate(c.CertFile, c.KeyFile); err != nil {
			return nil, err
		}
	case c.CertFile != "" || c.KeyFile != "":
		return nil, errors.New("TLS needs both files, --tls-cert and --tls-key")
	case !address.IsLoopback() && len(in.proxies) == 0:
		return nil, fmt.Errorf("listen on %s: passwords would cross the network unencrypted. Give a certificate (--tls-cert, --tls-key), "+
			"or put a TLS proxy in front and name its address (--trusted-proxies)", address)
	}
	return in, nil
}

// Listen opens the port with its bound of connections. A connection too many is
// told so on a plain port, and closed without a word on one with TLS, where
// nothing can be said before the handshake.
func (in *Ingress) Listen() (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(in.address.String(), strconv.Itoa(in.port)))
	if err != nil {
		return nil, fmt.Errorf("listen on %s, port %d (--gateway-port and --listen name others): %w", in.address, in.port, err)
	}
	return limit(l, maxConns, maxConnsPerAddress, in.proxies.contains, in.certificate != nil), nil
}

// URL is where programs on this machine reach the port of l. With a certificate
// it has a name that the certificate is for.
func (in *Ingress) URL(l net.Listener) string {
	host, scheme := in.address, "http"
	if host.IsUnspecified() {
		host = loopback(host)
	}
	name := host.String()
	if in.certificate != nil {
		name, scheme = in.certificate.name(name), "https"
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		port = strconv.Itoa(in.port)
	}
	return scheme + "://" + net.JoinHostPort(name, port)
}

// loopback is the address by which this machine reaches a port that is open on
// all of its addresses.
func loopback(all netip.Addr) netip.Addr {
	if all.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// Authority is the file that clients must trust to talk to the port; "" when
// there is no TLS, or when this machine trusts the certificate already.
func (in *Ingress) Authority() string {
	if in.certificate == nil || in.certificate.trusted() {
		return ""
	}
	return in.certificate.certFile
}
