package ingress

import (
	"strings"
)

// forwarded reads Forwarded fields (RFC 7239 section 4). A field that is not
// written as it should be counts as one hop that says nothing: a client's broken
// half must not hide what a proxy added, nor be believed.
func forwarded(fields []string) (path []hop) {
	for _, field := range fields {
		of, ok := elements(field)
		if !ok {
			of = []hop{{}}
		}
		path = append(path, of...)
	}
	return path
}

// elements reads one field: elements with commas between them, each of them pairs
// with semicolons between them.
func elements(field string) (path []hop, ok bool) {
	rest := space(field)
	for {
		var h hop
		seen := map[string]bool{}
		for {
			var name, value string
			if name, value, rest, ok = pair(rest); !ok || seen[name] {
				return nil, false
			}
			seen[name] = true
			switch name {
			case "for":
				h.addr = addressOf(value) // "unknown" and _hidden are none
			case "proto":
				h.scheme = scheme(value)
			case "host":
				h.host = host(value)
			}
			if rest = space(rest); !strings.HasPrefix(rest, ";") {
				break
			}
			rest = space(rest[1:])
		}
		path = append(path, h)
		if rest == "" {
			return path, true
		}
		if rest[0] != ',' {
			return nil, false
		}
		rest = space(rest[1:])
	}
}

// pair reads token=value, where value is a token or a quoted string (RFC 9110
// section 5.6). The name is in lower case.
func pair(s string) (name, value, rest string, ok bool) {
	name, rest = token(s)
	if name == "" || !strings.HasPrefix(rest, "=") {
		return "", "", "", false
	}
	rest = rest[1:]
	if strings.HasPrefix(rest, `"`) {
		value, rest, ok = quoted(rest[1:])
	} else {
		value, rest = token(rest)
		ok = value != ""
	}
	return strings.ToLower(name), value, rest, ok
}

// token reads the letters, digits and signs of a token (RFC 9110 section 5.6.2).
func token(s string) (tok, rest string) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) >= 0) {
		i++
	}
	return s[:i], s[i:]
}

// quoted reads on to the quote that ends the string, and beyond it.
func quoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func space(s string) string { return strings.TrimLeft(s, " \t") }
