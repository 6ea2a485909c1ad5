package express

import "bytes"

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
	q.Fields, q.Host = q.Fields[:0], nil
	frame, ok := readFields(rest, q.keep)
	q.Close = frame.last
	return max(frame.length, 0), ok && q.Host != nil && !frame.chunked
}

// keep takes a field, and says no to those that ask for more than a plain answer.
func (q *Request) keep(f Field) bool {
	switch len(f.Name) {
	case 2:
		if is(f.Name, "te") {
			return false
		}
	case 4:
		if is(f.Name, "host") {
			twice := q.Host != nil
			q.Host = f.Value
			return !twice && plainHost(f.Value)
		}
	case 6:
		if is(f.Name, "expect") {
			return false
		}
	case 16:
		if is(f.Name, "proxy-connection") {
			return false
		}
	}
	q.Fields = append(q.Fields, f)
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
