package ui

import (
	"net/url"
	"regexp"
	"strings"

	"fnstore/kit/fault"
)

// functionName is an RFC 1123 label.
var functionName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// maxTarget is the longest path with its query, in bytes.
const maxTarget = 8 << 10

// target makes a path and a query, as they stand in a request line, of what a
// person typed. Escapes stay as they are; what may not stand in a URL is
// escaped. Dot segments and control characters are the gateway's to refuse.
func target(typed string) (path, query string, err error) {
	if len(typed) > maxTarget {
		return "", "", fault.New(fault.Invalid, "bad_path", "the path is longer than %d bytes", maxTarget)
	}
	typed, _, _ = strings.Cut(typed, "#")
	path, query, _ = strings.Cut(typed, "?")
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if _, err := url.PathUnescape(path); err != nil {
		return "", "", fault.New(fault.Invalid, "bad_path", "the path is not accepted: it has a '%%' that begins no escape")
	}
	return escape(path), escape(query), nil
}

// escape escapes the bytes that may stand neither in a path nor in a query (RFC
// 3986 sections 3.3 and 3.4), and leaves all others alone, escapes among them.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>#\\^`{|}", c) >= 0 {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
