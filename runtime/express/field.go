package express

import "bytes"

// Field is one line of a head. Its value has no spaces around it.
type Field struct{ Name, Value []byte }

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

// readFields reads the lines of a head: what is about its framing, and the rest by
// keep. Either may find that it is not plain.
func readFields(b []byte, keep func(Field) bool) (m framing, ok bool) {
	m.length = -1
	for len(b) > 0 {
		f, rest, ok := readField(b)
		if !ok {
			return m, false
		}
		b = rest
		mine, ok := m.read(f)
		if !ok || !mine && !keep(f) {
			return m, false
		}
	}
	return m, true
}

// framing is what a head says of its body and its connection (RFC 9112 sections
// 6 and 9.6).
type framing struct {
	length  int // of the body; -1 when it is not said
	chunked bool
	last    bool // nothing comes after this
}

// read reads a field, and tells whether it is about these things. Of what it does
// not know, and of what is said twice, it makes nothing.
func (m *framing) read(f Field) (mine, ok bool) {
	switch len(f.Name) {
	case 7:
		if is(f.Name, "trailer") || is(f.Name, "upgrade") {
			return true, false
		}
	case 10:
		if is(f.Name, "connection") {
			last := is(f.Value, "close")
			m.last = m.last || last
			return true, last || is(f.Value, "keep-alive")
		}
	case 14:
		if is(f.Name, "content-length") {
			n, ok := decimal(f.Value)
			ok = ok && m.length < 0
			m.length = n
			return true, ok
		}
	case 17:
		if is(f.Name, "transfer-encoding") {
			ok := !m.chunked && is(f.Value, "chunked")
			m.chunked = true
			return true, ok
		}
	}
	return false, true
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
