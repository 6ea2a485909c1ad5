// Package callback tells others how queued calls ended: the URL that a caller
// named with X-Callback-Url, and whoever wants to know of dead letters. What is
// told is a message of the queue like any other, written in the transaction that
// ends the call; its function is a name such as callback:https://host, and its
// call goes to that host and to no address that is not public. The package does
// not know when a message is tried again.
package callback

import (
	"net/url"
	"strings"

	"fnstore/kit/fault"
)

// Prefix begins the name under which messages for a host wait in the queue; the
// rest is the host's origin (RFC 6454 section 6.2).
const Prefix = "callback:"

// maxURL is the longest URL, in bytes.
const maxURL = 2048

// target is a URL in its parts.
type target struct {
	scheme, host, port string // host in lower case, IPv6 without brackets; port as a number
	path               string // escaped, with the query
}

// function is the name that the target's messages have in the queue.
func (t target) function() string { return Prefix + origin(t.scheme, t.host, t.port) }

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

func origin(scheme, host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != defaultPort(scheme) {
		host += ":" + port
	}
	return scheme + "://" + host
}

// parse reads a URL. It refuses all that two readers may understand in two ways.
func parse(raw string) (t target, err error) {
	bad := func(why string) (target, error) {
		return target{}, fault.New(fault.Invalid, "bad_callback", "X-Callback-Url is not one http or https URL: %s", why)
	}
	if raw == "" || len(raw) > maxURL {
		return bad("it is empty or has more than 2048 bytes")
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>' {
			return bad("it has a character that must be escaped")
		}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return bad("it cannot be read")
	case u.Scheme != "http" && u.Scheme != "https", u.Opaque != "":
		return bad("it begins with neither http:// nor https://")
	case u.User != nil:
		return bad("it has a user's name")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return bad("it has a fragment")
	}
	t = target{scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: u.Port(), path: u.RequestURI()}
	if strings.HasSuffix(u.Host, ":") || !goodHost(t.host) {
		return bad("its host is neither a name nor an address")
	}
	if t.port == "" {
		t.port = defaultPort(t.scheme)
	}
	if !goodPort(t.port) {
		return bad("its port is no number from 1 to 65535")
	}
	return t, nil
}
