package gateway

import (
	"net/http"
	"net/url"
	"runtime"
	"strings"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
)

// rawPath is the request's path as it stands in the request line, without the
// query. Paths that different readers might read differently are refused: NUL
// and control characters, plain or escaped, escapes that are none, and dot
// segments in any spelling (RFC 3986 section 5.2.4 would remove them).
func rawPath(r *http.Request) (string, error) {
	raw := r.RequestURI
	if !strings.HasPrefix(raw, "/") { // absolute form, RFC 9112 section 3.2.2
		u, err := url.Parse(raw)
		if err != nil || u.Scheme == "" {
			return "", badPath("it is not a path")
		}
		raw = u.EscapedPath()
	}
	raw, _, _ = strings.Cut(raw, "?")
	return raw, checkPath(raw)
}

func badPath(why string) error {
	return fault.New(fault.Invalid, "bad_path", "the path is not accepted: %s", why)
}

func checkPath(raw string) error {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' {
			if i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2]) {
				return badPath("it has a '%' that begins no escape")
			}
			c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
		}
		if c < 0x20 || c == 0x7f {
			return badPath("it has a control character")
		}
	}
	for segment := range strings.SplitSeq(raw, "/") {
		segment, _, _ = strings.Cut(segment, ";")
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return badPath("it has a '%' that begins no escape")
		}
		// An escaped slash or backslash may become a separator further on.
		for part := range strings.FieldsFuncSeq(decoded, func(c rune) bool { return c == '/' || c == '\\' }) {
			if part == "." || part == ".." {
				return badPath("it has a dot segment")
			}
		}
	}
	return nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// target splits what follows /function/ into the function's name, without the
// namespace, and the path the function sees.
func target(rest string) (name, path string, err error) {
	name, path, found := strings.Cut(rest, "/")
	if name == "" {
		return "", "", fault.New(fault.Invalid, "no_function_name", "Provide function name in the request path")
	}
	if base, ns, dotted := strings.Cut(name, "."); dotted {
		if ns != Namespace {
			return "", "", noFunction(name)
		}
		name = base
	}
	if !functionName(name) {
		return "", "", noFunction(name)
	}
	if !found {
		return name, "/", nil
	}
	return name, "/" + path, nil
}

// functionName accepts an RFC 1123 label.
func functionName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-' && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	return s != "" && len(s) <= 63
}

func noFunction(name string) error {
	return fault.New(fault.NotFound, "function_not_found", "there is no function %q", name)
}

// goodCallID is what a caller may choose as call id, 1 to 64 letters, digits and
// hyphens; anything else is replaced.
func goodCallID(id string) bool {
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
		default:
			return false
		}
	}
	return id != "" && len(id) <= 64
}

func callID(r *http.Request) string {
	if ids := r.Header[wire.CallID]; len(ids) == 1 && goodCallID(ids[0]) {
		return ids[0]
	}
	return queue.CallID()
}

// arch is the machine's name as uname(1) gives it, which is what clients of
// /system/info expect.
func arch() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "arm":
		return "armv7l"
	}
	return runtime.GOARCH
}
