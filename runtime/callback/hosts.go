package callback

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fnstore/kit/fault"
)

// Hosts are those that callbacks may go to. The zero value allows none.
type Hosts struct {
	of map[string]bool // host or host:port → private addresses are allowed
}

// private marks a host:port of the setting whose address need not be public.
const private = "+private"

// ParseHosts reads the setting: hosts with commas between them. NAME alone means
// its ports 80 for http and 443 for https, NAME:PORT that port alone, and
// NAME:PORT+private lets its address be one of a private network or of this
// machine. There are no patterns: each host is a queue of its own.
func ParseHosts(setting string) (Hosts, error) {
	h := Hosts{map[string]bool{}}
	for item := range strings.SplitSeq(setting, ",") {
		if item = strings.ToLower(strings.TrimSpace(item)); item == "" {
			continue
		}
		place, marked := strings.CutSuffix(item, private)
		host, port, err := splitHost(place)
		if err != nil {
			return Hosts{}, fmt.Errorf("callback host %q: %w", item, err)
		}
		if marked && port == "" {
			return Hosts{}, fmt.Errorf("callback host %q: %s needs a port, as in %s:8080%s", item, private, place, private)
		}
		h.of[key(host, port)] = marked
	}
	return h, nil
}

func key(host, port string) string {
	if port == "" {
		return host
	}
	return host + " " + port
}

// splitHost reads NAME, NAME:PORT, [ADDRESS] or [ADDRESS]:PORT.
func splitHost(place string) (host, port string, err error) {
	rest := place
	if inner, ok := strings.CutPrefix(place, "["); ok {
		var closed bool
		if host, rest, closed = strings.Cut(inner, "]"); !closed {
			return "", "", fmt.Errorf("a bracket is not closed")
		}
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return "", "", fmt.Errorf("what is in brackets is no IPv6 address")
		}
		if rest != "" && !strings.HasPrefix(rest, ":") {
			return "", "", fmt.Errorf("more than a port follows the address")
		}
		port, rest = strings.TrimPrefix(rest, ":"), strings.TrimPrefix(rest, ":")
		if rest == "" && strings.HasSuffix(place, ":") {
			return "", "", fmt.Errorf("the port is missing")
		}
	} else {
		var has bool
		if host, port, has = strings.Cut(rest, ":"); has && port == "" {
			return "", "", fmt.Errorf("the port is missing")
		}
	}
	if !goodHost(host) {
		return "", "", fmt.Errorf("it is neither a name nor an address (an IPv6 address stands in brackets)")
	}
	if port != "" && !goodPort(port) {
		return "", "", fmt.Errorf("the port is no number from 1 to 65535")
	}
	return host, port, nil
}

var hostName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// goodHost reports a DNS name whose last label begins with a letter, or an
// address as netip reads it. 127.1, 0x7f000001 and 2130706433, which the
// system's resolver takes for addresses, are neither.
func goodHost(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Zone() == "" && a.String() == host
	}
	return len(host) <= 253 && hostName.MatchString(host)
}

func goodPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == port
}

// find reports whether calls may go there, and whether its address may be
// private.
func (h Hosts) find(scheme, host, port string) (allowed, marked bool) {
	if marked, allowed = h.of[key(host, port)]; allowed {
		return allowed, marked
	}
	if port == defaultPort(scheme) {
		_, allowed = h.of[key(host, "")]
	}
	return allowed, false
}

// Check refuses a URL that no callback may go to: fault.Invalid with the code
// bad_callback or callback_not_allowed.
func (h Hosts) Check(raw string) error {
	t, err := parse(raw)
	if err != nil {
		return err
	}
	return h.allow(t)
}

func (h Hosts) allow(t target) error {
	if ok, _ := h.find(t.scheme, t.host, t.port); ok {
		return nil
	}
	return fault.New(fault.Invalid, "callback_not_allowed", "X-Callback-Url: callbacks to %s are not allowed; FNSTORE_CALLBACK_HOSTS lists the hosts that are", origin(t.scheme, t.host, t.port))
}

// With allows one more place, by its URL.
func (h Hosts) With(raw string) (Hosts, error) {
	t, err := parse(raw)
	if err != nil {
		return h, err
	}
	more := Hosts{map[string]bool{}}
	for k, v := range h.of {
		more.of[k] = v
	}
	if _, there := more.of[key(t.host, t.port)]; !there {
		more.of[key(t.host, t.port)] = false
	}
	return more, nil
}

// Functions are the names under which messages for these hosts wait.
func (h Hosts) Functions() (names []string) {
	for k := range h.of {
		host, port, _ := strings.Cut(k, " ")
		for _, scheme := range []string{"http", "https"} {
			at := port
			if at == "" {
				at = defaultPort(scheme)
			}
			names = append(names, Prefix+origin(scheme, host, at))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
