package express

import "bytes"

// Field is one line of a head. Its value has no spaces around it.
type Field struct{ Name, Value []byte }

// Request is a plain request. Its slices point into the bytes it was read from.
type Request struct {
	Method []byte
	Target []byte // path and query, as they were sent
	Host   []byte
	Fields []Field // all but Host, Content-Length and Connection
	Body   []byte
	Close  bool // its client wants no further answer on the connection
}

var (
	headEnd = []byte("\r\n\r\n")
	lineEnd = headEnd[:2]
	version = []byte(" HTTP/1.1")
)

// Read reads the plain request that b begins with. It gives its length, or 0
// when there is none; more tells that there may be one once more has come.
// Plain is what readers of HTTP are not known to differ about: see whole, and the
// request's target begins with prefix.
func (q *Request) Read(b []byte, prefix string) (n int, more bool) {
	head := bytes.Index(b, headEnd)
	if head < 0 {
		return 0, false
	}
	line, rest, _ := bytes.Cut(b[:head+2], lineEnd)
	if !q.line(line, prefix) {
		return 0, false
	}
	length, ok := q.fields(rest)
	if !ok {
		return 0, false
	}
	n = head + len(headEnd) + length
	switch {
	case n > MaxRequest:
		return 0, false
	case n > len(b):
		return 0, true
	}
	q.Body = b[head+len(headEnd) : n]
	return n, false
}

// line accepts METHOD SP path SP HTTP/1.1 with a path of visible ASCII.
func (q *Request) line(line []byte, prefix string) bool {
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
	q.Method, q.Target = method, target
	return true
}

// fields reads the lines of the head, and gives the length of the body.
func (q *Request) fields(rest []byte) (length int, ok bool) {
	q.Fields, q.Host, q.Close, length = q.Fields[:0], nil, false, -1
	for len(rest) > 0 {
		f, next, ok := readField(rest)
		if !ok {
			return 0, false
		}
		rest = next
		switch len(f.Name) {
		case 2:
			if is(f.Name, "te") {
				return 0, false
			}
		case 4:
			if is(f.Name, "host") {
				if q.Host != nil || !plainHost(f.Value) {
					return 0, false
				}
				q.Host = f.Value
				continue
			}
		case 6:
			if is(f.Name, "expect") {
				return 0, false
			}
		case 7:
			if is(f.Name, "upgrade") || is(f.Name, "trailer") {
				return 0, false
			}
		case 10:
			if is(f.Name, "connection") {
				if is(f.Value, "close") {
					q.Close = true
				} else if !is(f.Value, "keep-alive") {
					return 0, false
				}
				continue
			}
		case 14:
			if is(f.Name, "content-length") {
				n, ok := decimal(f.Value)
				if !ok || length >= 0 {
					return 0, false
				}
				length = n
				continue
			}
		case 16:
			if is(f.Name, "proxy-connection") {
				return 0, false
			}
		case 17:
			if is(f.Name, "transfer-encoding") {
				return 0, false
			}
		}
		q.Fields = append(q.Fields, f)
	}
	return max(length, 0), q.Host != nil
}

// readField reads a line: a token, a colon, visible ASCII with spaces and tabs.
func readField(b []byte) (f Field, rest []byte, ok bool) {
	end := bytes.Index(b, lineEnd)
	if end < 0 {
		return f, nil, false
	}
	line := b[:end]
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return f, nil, false
	}
	for _, c := range line[:colon] {
		if !token[c] {
			return f, nil, false
		}
	}
	value := line[colon+1:]
	if !visible(value) {
		return f, nil, false
	}
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for len(value) > 0 && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	return Field{line[:colon], value}, b[end+2:], true
}

// visible reports visible ASCII, spaces and tabs.
func visible(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// decimal reads one to six digits.
func decimal(b []byte) (n int, ok bool) {
	if len(b) == 0 || len(b) > 6 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
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

// Is compares a name of a field with one in lower case, whatever case it has.
func (f Field) Is(name string) bool { return is(f.Name, name) }

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

// IsToken reports that s can name a field.
func IsToken(s string) bool {
	for i := range len(s) {
		if !token[s[i]] {
			return false
		}
	}
	return s != ""
}
