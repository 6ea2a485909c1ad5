// Package safedial connects to hosts that somebody else has named: to addresses
// that are public, and to those of a private network only where an operator said
// so. The address is checked when it is dialled, after its name was resolved. It
// does not know what is sent there.
package safedial

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Timeouts of a dialler.
const (
	connectTimeout = 10 * time.Second
	keepAlive      = 15 * time.Second
)

// ErrPrivate is in the chain of an error about an address that would be allowed
// on a private network.
var ErrPrivate = errors.New("it is not public")

// RefusedError is of an address that is not dialled.
type RefusedError struct{ error }

// Unwrap gives the reason.
func (e RefusedError) Unwrap() error { return e.error }

// Dialer gives a dialler that connects to no address that Check refuses; its
// error is then a RefusedError. Where a name has several addresses, those that
// are refused are passed over.
func Dialer(private bool) *net.Dialer {
	return &net.Dialer{Timeout: connectTimeout, KeepAlive: keepAlive, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err == nil {
			err = Check(at.Addr(), private)
		}
		if err != nil {
			return RefusedError{err}
		}
		return nil
	}}
}

// prefixes reads a list of networks.
func prefixes(list ...string) (nets []netip.Prefix) {
	for _, s := range list {
		nets = append(nets, netip.MustParsePrefix(s))
	}
	return nets
}

var (
	// neighbours are the networks of a site, and this machine: allowed where the
	// operator has marked a host and port for it.
	neighbours = prefixes(
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // RFC 1918
		"100.64.0.0/10", // RFC 6598: carrier-grade NAT, and overlays
		"127.0.0.0/8", "::1/128",
		"fc00::/7", // RFC 4193
	)
	// never are addresses that nothing goes to, allowed or not: link-local ones
	// are where clouds answer with credentials, and the transition mechanisms hide
	// an IPv4 address of any kind. (IANA's special-purpose registries, RFC 6890.)
	never = prefixes(
		"0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"100.100.100.200/32", "fd00:ec2::254/128", // metadata of clouds inside of private networks
		"64:ff9b::/96", "64:ff9b:1::/48", // NAT64, RFC 6052 and RFC 8215
		"2001::/23",     // Teredo (RFC 4380), ORCHID and others of RFC 2928
		"2001:db8::/32", // documentation, RFC 3849
		"2002::/16",     // 6to4, RFC 3056
		"3fff::/20",     // documentation, RFC 9637
	)
	// global is all of IPv6 that is routed (IANA): what is outside is link-local,
	// multicast, site-local, IPv4-compatible, or not given out.
	global = netip.MustParsePrefix("2000::/3")
)

// Check refuses an address that nothing goes to that a stranger has named.
// private allows those of private networks and of this machine.
func Check(a netip.Addr, private bool) error {
	if a.Zone() != "" {
		return fmt.Errorf("%s is an address of one link", a)
	}
	a = a.Unmap() // ::ffff:a.b.c.d is reached as a.b.c.d
	for _, n := range never {
		if n.Contains(a) {
			return fmt.Errorf("%s is in %s, where nothing is sent", a, n)
		}
	}
	for _, n := range neighbours {
		if n.Contains(a) {
			if private {
				return nil
			}
			return fmt.Errorf("%s is in %s: %w", a, n, ErrPrivate)
		}
	}
	if a.Is6() && (!global.Contains(a) || isatap(a)) {
		return fmt.Errorf("%s is no public address", a)
	}
	return nil
}

// isatap reports an address that holds an IPv4 one for a tunnel inside of a site
// (RFC 5214 section 6.1).
func isatap(a netip.Addr) bool {
	b := a.As16()
	return b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}
