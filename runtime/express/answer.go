package express

import "bytes"

// Answer is a plain answer. Its slices point into the bytes it was read from.
type Answer struct {
	Status  int
	Fields  []Field // all but Content-Length, Transfer-Encoding and Connection
	Body    []byte  // with the framing of its chunks, if it has some
	Chunked bool
	Close   bool // the function's connection serves no further call
	Last    bool // and the client's none either: the loop's word to its carrier
}

// verdict of bytes that may be an answer.
type verdict int

const (
	odd   verdict = iota // not plain
	more                 // it may be plain when more has come
	plain                // whole
)

// read reads the plain answer that b is, to a request that was not HEAD. Plain
// is one with a length, or with chunks that are all there: one whose chunks come
// one after the other is for who can pass them on as they come. What follows an
// answer belongs to nobody, so that then it is not plain either.
func (a *Answer) read(b []byte) verdict {
	head := bytes.Index(b, headEnd)
	if head < 0 {
		if len(b) > MaxRequest {
			return odd
		}
		return more
	}
	line, rest, _ := bytes.Cut(b[:head+2], lineEnd)
	if !a.line(line) {
		return odd
	}
	length, ok := a.fields(rest)
	if !ok {
		return odd
	}
	a.Body = b[head+len(headEnd):]
	switch {
	case a.Chunked:
		if !chunks(a.Body) {
			return odd
		}
	case length > MaxAnswer || len(a.Body) > length:
		return odd
	case len(a.Body) < length:
		return more
	}
	return plain
}

// line accepts HTTP/1.1 and a status of 200 to 599 that leaves the framing to
// the headers, or 204, which has no body (RFC 9112 section 6.3).
func (a *Answer) line(line []byte) bool {
	if len(line) < len("HTTP/1.1 200") || string(line[:9]) != "HTTP/1.1 " || len(line) > 12 && line[12] != ' ' {
		return false
	}
	n, ok := decimal(line[9:12])
	a.Status = n
	return ok && visible(line[12:]) && n >= 200 && n < 600 && n != 304
}

// fields reads the lines of the head, and gives the length of the body.
func (a *Answer) fields(rest []byte) (length int, ok bool) {
	a.Fields = a.Fields[:0]
	frame, ok := readFields(rest, func(f Field) bool {
		a.Fields = append(a.Fields, f)
		return true
	})
	if !ok {
		return 0, false
	}
	a.Chunked, a.Close = frame.chunked, frame.last
	switch {
	case a.Status == 204:
		return 0, frame.length < 0 && !frame.chunked
	case frame.chunked:
		return 0, frame.length < 0
	}
	return frame.length, frame.length >= 0
}

// chunks reports that b is chunks to their end, without extensions or trailers
// (RFC 9112 section 7.1).
func chunks(b []byte) bool {
	for {
		size, digits := 0, 0
		for digits < len(b) && digits < 6 {
			v := hex(b[digits])
			if v < 0 {
				break
			}
			size, digits = size<<4|v, digits+1
		}
		if digits == 0 || len(b) < digits+2+size+2 || b[digits] != '\r' || b[digits+1] != '\n' {
			return false
		}
		b = b[digits+2+size:]
		if b[0] != '\r' || b[1] != '\n' {
			return false
		}
		if b = b[2:]; size == 0 {
			return len(b) == 0
		}
	}
}

func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
