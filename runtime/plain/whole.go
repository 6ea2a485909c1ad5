package plain

import "bytes"

var (
	headEnd = []byte("\r\n\r\n")
	version = []byte(" HTTP/1.1")
)

// whole gives the length of the plain request that b begins with, 0 for none.
// It only tells plain from not plain: what is plain is read by net/http too.
func whole(b []byte, prefix string) int {
	head := bytes.Index(b, headEnd)
	if head < 0 {
		return 0
	}
	line, rest, _ := bytes.Cut(b[:head+2], headEnd[:2])
	if !plainLine(line, prefix) {
		return 0
	}
	hosts, length := 0, -1
	for len(rest) > 0 {
		field, next, _ := bytes.Cut(rest, headEnd[:2])
		rest = next
		colon := bytes.IndexByte(field, ':')
		if colon <= 0 || !plainValue(field[colon+1:]) {
			return 0
		}
		for _, c := range field[:colon] {
			if !token[c] {
				return 0
			}
		}
		value := bytes.Trim(field[colon+1:], " \t")
		switch name := field[:colon]; len(name) {
		case 2:
			if is(name, "te") {
				return 0
			}
		case 4:
			if is(name, "host") {
				if hosts++; !plainHost(value) {
					return 0
				}
			}
		case 6:
			if is(name, "expect") {
				return 0
			}
		case 7:
			if is(name, "upgrade") || is(name, "trailer") {
				return 0
			}
		case 10:
			if is(name, "connection") && !is(value, "keep-alive") {
				return 0
			}
		case 14:
			if is(name, "content-length") {
				if length >= 0 || len(value) == 0 || len(value) > 6 {
					return 0
				}
				length = 0
				for _, c := range value {
					if c < '0' || c > '9' {
						return 0
					}
					length = length*10 + int(c-'0')
				}
			}
		case 16:
			if is(name, "proxy-connection") {
				return 0
			}
		case 17:
			if is(name, "transfer-encoding") {
				return 0
			}
		}
	}
	n := head + len(headEnd) + max(length, 0)
	if hosts != 1 || n > len(b) {
		return 0
	}
	return n
}

// plainLine accepts METHOD SP path SP HTTP/1.1 with a path of visible ASCII.
func plainLine(line []byte, prefix string) bool {
	method, target, _ := bytes.Cut(line, []byte{' '})
	switch string(method) {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
	default:
		return false
	}
	target, ok := bytes.CutSuffix(target, version)
	if !ok || len(target) < len(prefix) || string(target[:len(prefix)]) != prefix {
		return false
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return true
}

// plainValue accepts visible ASCII, spaces and tabs.
func plainValue(v []byte) bool {
	for _, c := range v {
		if c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// plainHost accepts names and addresses, with a port.
func plainHost(h []byte) bool {
	for _, c := range h {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == ':' || c == '[' || c == ']' || c == '_') {
			return false
		}
	}
	return len(h) > 0
}

// is compares with a name in lower case, whatever case b has.
func is(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

// token are the bytes of a field's name (RFC 9110 section 5.6.2).
var token = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()
