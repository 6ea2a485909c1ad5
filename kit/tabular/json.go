package tabular

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// lines reads NDJSON: an object a line. Blank lines are no rows.
type lines struct {
	r    *Reader
	buf  []byte // a line that is longer than the Reader's buffer
	line int
}

func (l *lines) next(row *Row) error {
	for {
		text, ended, err := l.read()
		if err != nil {
			return err
		}
		trimmed := bytes.Trim(text, " \t\r\n")
		if len(trimmed) == 0 {
			continue
		}
		bad := row.parse(trimmed, l.line, 1+bytes.IndexByte(text, trimmed[0]), l.r.limits)
		if bad != nil && !ended && strings.HasSuffix(bad.Detail, cutShort) {
			return truncated("line %d is cut short", l.line)
		}
		if bad != nil {
			return bad
		}
		return nil
	}
}

// read gives the next line. The last one may lack its line feed.
func (l *lines) read() (text []byte, ended bool, err error) {
	l.line++
	text, err = l.r.buf.ReadSlice('\n')
	if err == nil && len(text) <= l.r.limits.RowBytes {
		return text, true, nil
	}
	l.buf = append(l.buf[:0], text...)
	for err == bufio.ErrBufferFull && len(l.buf) <= l.r.limits.RowBytes {
		text, err = l.r.buf.ReadSlice('\n')
		l.buf = append(l.buf, text...)
	}
	long := len(bytes.TrimRight(l.buf, "\r\n")) > l.r.limits.RowBytes
	for err == bufio.ErrBufferFull {
		_, err = l.r.buf.ReadSlice('\n')
	}
	switch {
	case err != nil && err != io.EOF:
		return nil, false, err
	case err == io.EOF && len(l.buf) == 0:
		return nil, false, io.EOF
	case long:
		return nil, true, &RowError{Line: l.line, Column: 1, Code: "row_too_long", Detail: longRow(l.r.limits)}
	}
	return l.buf, err == nil, nil
}

// elements reads the objects of an array, or objects one after the other.
type elements struct {
	r            *Reader
	buf          []byte
	line, column int // of the next byte
	state        int
	array        bool
}

const (
	beforeAll = iota
	beforeFirst
	beforeNext
	afterComma
	afterAll
)

// next finds where an element ends by its brackets and quotes; whether it is
// JSON is seen when it is read as a row, so a bad row is only a bad row.
func (e *elements) next(row *Row) error {
	for {
		c, err := e.peek()
		if err == io.EOF {
			if e.state == afterAll || !e.array && e.state == beforeNext {
				return io.EOF
			}
			return truncated("the JSON array is not closed; the file is cut short")
		}
		if err != nil {
			return err
		}
		switch {
		case e.state == afterAll:
			return badJSON(e.line, e.column, "there is more behind the array")
		case e.state == beforeAll && c == '[':
			e.state, e.array = beforeFirst, true
			e.skip()
		case e.state == beforeAll:
			e.state = beforeNext
		case e.array && c == ']' && (e.state == beforeFirst || e.state == beforeNext):
			e.state = afterAll
			e.skip()
		case e.array && c == ',' && e.state == beforeNext:
			e.state = afterComma
			e.skip()
		case e.array && e.state == beforeNext:
			return badJSON(e.line, e.column, "a comma is missing between two elements")
		case c == ',' || c == ']' || c == '}' || c == ':':
			return badJSON(e.line, e.column, "%q stands where an element begins", c)
		default:
			e.state = beforeNext
			return e.element(row)
		}
	}
}

// peek skips blanks.
func (e *elements) peek() (byte, error) {
	for {
		b, err := e.r.buf.Peek(1)
		if err != nil {
			return 0, err
		}
		switch b[0] {
		case ' ', '\t', '\r', '\n':
			e.skip()
		default:
			return b[0], nil
		}
	}
}

func (e *elements) skip() {
	c, _ := e.r.buf.ReadByte() // it was peeked at
	e.column++
	if c == '\n' {
		e.line, e.column = e.line+1, 1
	}
}

func (e *elements) element(row *Row) error {
	line, column := e.line, e.column
	e.buf = e.buf[:0]
	var s span
	long := false
	for {
		chunk, err := e.r.buf.Peek(max(1, e.r.buf.Buffered()))
		if err == io.EOF {
			if s.depth > 0 || s.quoted {
				return truncated("the element at line %d, column %d is not closed; the file is cut short", line, column)
			}
			break
		}
		if err != nil {
			return err
		}
		n, done := s.scan(chunk)
		if long = long || len(e.buf)+n > e.r.limits.RowBytes; !long {
			e.buf = append(e.buf, chunk[:n]...)
		}
		e.count(chunk[:n])
		if _, err := e.r.buf.Discard(n); err != nil {
			return err
		}
		if done {
			break
		}
	}
	if long {
		return &RowError{Line: line, Column: column, Code: "row_too_long", Detail: longRow(e.r.limits)}
	}
	if bad := row.parse(e.buf, line, column, e.r.limits); bad != nil {
		return bad
	}
	return nil
}

// count goes on in lines and columns.
func (e *elements) count(b []byte) {
	if n := bytes.Count(b, []byte("\n")); n > 0 {
		e.line, e.column = e.line+n, 1
		b = b[bytes.LastIndexByte(b, '\n')+1:]
	}
	e.column += len(b)
}

// span finds the end of an element that comes in pieces.
type span struct {
	depth           int
	quoted, escaped bool
}

// scan says how many bytes of b belong to the element, and whether it ends
// there.
func (s *span) scan(b []byte) (n int, done bool) {
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case s.escaped:
			s.escaped = false
		case s.quoted:
			switch c {
			case '\\':
				s.escaped = true
			case '"':
				s.quoted = false
				if s.depth == 0 {
					return i + 1, true
				}
			}
		case c == '"':
			s.quoted = true
		case c == '{' || c == '[':
			s.depth++
		case c == '}' || c == ']':
			if s.depth == 0 {
				return i, true
			}
			if s.depth--; s.depth == 0 {
				return i + 1, true
			}
		case s.depth > 0:
		case c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n':
			return i, true
		}
	}
	return len(b), false
}

func longRow(l Limits) string { return fmt.Sprintf("the row has more than %d bytes", l.RowBytes) }

// cutShort is how encoding/json says that a text ends too early.
const cutShort = "unexpected end of JSON input"

// parse makes a row of an object. The text is copied, once.
func (r *Row) parse(raw []byte, line, column int, limits Limits) *RowError {
	text := string(raw)
	r.Line, r.column, r.text = line, column, text
	r.names, r.values, r.offsets = r.names[:0], r.values[:0], r.offsets[:0]
	bad := func(at int, code, format string, args ...any) *RowError {
		l, c := position(text, line, column, at)
		return &RowError{Line: l, Column: c, Code: code, Detail: fmt.Sprintf(format, args...)}
	}
	if !utf8.Valid(raw) {
		return bad(invalidAt(text), "invalid_encoding", "the row is not UTF-8")
	}
	if at := tooDeep(text, limits.Depth); at >= 0 {
		return bad(at, "too_deep", "objects and arrays are more than %d deep", limits.Depth)
	}
	if !json.Valid(raw) {
		var wrong *json.SyntaxError
		if err := json.Unmarshal(raw, new(json.RawMessage)); errors.As(err, &wrong) {
			return bad(max(0, int(wrong.Offset)-1), "invalid_json", "the row is not JSON: %s", wrong)
		}
		return bad(0, "invalid_json", "the row is not JSON")
	}
	if raw[0] != '{' {
		return bad(0, "not_an_object", "the row is JSON, and not an object")
	}
	if at := r.members(limits.Columns); at >= 0 {
		return bad(at, "too_many_columns", "the object has more than %d members", limits.Columns)
	}
	return nil
}
