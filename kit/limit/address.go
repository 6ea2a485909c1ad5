package limit

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// ParseProxies reads a list of networks and addresses with commas between
// them. A connection by a Unix socket is always a proxy's.
func ParseProxies(text string) (Proxies, error) {
	var list Proxies
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		p, err := netip.ParsePrefix(item)
		if a, err2 := netip.ParseAddr(item); err != nil && err2 == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("trusted proxies: %q is neither a network nor an address", item)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

func (l Proxies) has(a netip.Addr) bool {
	for _, p := range l {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Client is the address a request came from: the last one in X-Forwarded-For
// that no proxy of ours has, if the connection is a proxy's. Of IPv6 it is the
// network of 64 bits, which one customer has (RFC 6177).
func (l Proxies) Client(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	addr := at.Addr().Unmap().WithZone("")
	if err == nil && !l.has(addr) {
		return network(addr)
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break // what stands before it is worth nothing
		}
		if addr = hop.Unmap().WithZone(""); !l.has(addr) {
			break
		}
	}
	return network(addr)
}

func network(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return "unknown"
	case a.Is6():
		p, _ := a.Prefix(64) // 64 bits fit: cannot fail
		return p.String()
	}
	return a.String()
}
