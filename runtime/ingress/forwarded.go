package ingress

import (
	"net/http"
	"net/netip"
	"strings"
)

// hop is what one proxy says about whom it got the request from.
type hop struct {
	addr   netip.Addr // zero when it is hidden or not to be read
	scheme string     // "http", "https", or "" when it is not said
	host   string     // that was asked for; "" when it is not said
}

// hops are the words of the proxies, the nearest one last. Forwarded (RFC 7239)
// counts when there is no X-Forwarded-For, -Proto or -Host: most proxies write
// those and let a Forwarded that a client sent pass.
func hops(h http.Header) []hop {
	addrs, schemes, hosts := list(h["X-Forwarded-For"]), list(h["X-Forwarded-Proto"]), list(h["X-Forwarded-Host"])
	if len(addrs)+len(schemes)+len(hosts) == 0 {
		return forwarded(h["Forwarded"])
	}
	path := make([]hop, max(len(addrs), 1))
	for i := range path {
		back := len(path) - 1 - i // hops from the nearest
		path[i] = hop{addr: addressOf(at(addrs, back)), scheme: scheme(at(schemes, back)), host: host(at(hosts, back))}
	}
	return path
}

// list splits lists of values, of which empty ones count as values.
func list(lines []string) (values []string) {
	for _, line := range lines {
		for v := range strings.SplitSeq(line, ",") {
			values = append(values, strings.Trim(v, " \t"))
		}
	}
	return values
}

// at is the value that stands back places before the last. Of a list that is
// shorter it is the first: a proxy that replaces a value says it for all before it.
func at(values []string, back int) string {
	if len(values) == 0 {
		return ""
	}
	return values[max(len(values)-1-back, 0)]
}

// scheme reads a scheme; WebSockets' are those of the request that opens them.
func scheme(text string) string {
	switch strings.ToLower(text) {
	case "https", "wss":
		return "https"
	case "http", "ws":
		return "http"
	}
	return ""
}

// maxHost is the longest name in DNS, in text, and a port.
const maxHost = 253 + len(":65535")

// host gives text if it can be a host with or without a port: letters, digits and
// the few signs of names, addresses and ports. Others give "".
func host(text string) string {
	if len(text) > maxHost {
		return ""
	}
	for i := range len(text) {
		c := text[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._:[]", c) >= 0) {
			return ""
		}
	}
	return text
}
