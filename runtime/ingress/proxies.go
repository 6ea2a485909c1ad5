package ingress

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// proxies are the addresses whose word about clients is taken.
type proxies []netip.Prefix

// parseProxies reads addresses and CIDR ranges with commas between them. A range of every address is
// refused: then anybody could claim to be anybody.
func parseProxies(list string) (proxies, error) {
	var p proxies
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		prefix, err := parseProxy(text)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q: %w", text, err)
		}
		p = append(p, prefix)
	}
	return p, nil
}

func parseProxy(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = plain(addr)
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, errors.New("it is neither an IP address nor a range such as 10.0.0.0/8")
	}
	if addr := prefix.Addr(); addr.Is4In6() {
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	if prefix.Bits() <= 0 {
		return prefix, errors.New("the range has every address, so that anybody could claim to be anybody")
	}
	return prefix.Masked(), nil
}

func (p proxies) contains(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// plain is one spelling for each address: IPv4 is not mapped into IPv6, and there
// is no zone.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
