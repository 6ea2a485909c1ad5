package tabular

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// What is here reads JSON that encoding/json has found valid, so it need not
// look for errors; it keeps what json.Unmarshal would lose: members that come
// twice, the text of numbers, and where a value stands.

// members finds the members of the row's object, and gives -1, or where there
// is one too many.
func (r *Row) members(most int) int {
	s := r.text
	for i := blanks(s, 1); s[i] != '}'; {
		if s[i] == ',' {
			i = blanks(s, i+1)
		}
		if len(r.values) == most {
			return i
		}
		end := stringEnd(s, i)
		r.names = append(r.names, s[i:end])
		i = blanks(s, blanks(s, end)+1) // beyond the colon
		end = valueEnd(s, i)
		r.values, r.offsets = append(r.values, s[i:end]), append(r.offsets, i)
		i = blanks(s, end)
	}
	return -1
}

func blanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// stringEnd gives the offset behind the string that begins at i.
func stringEnd(s string, i int) int {
	for i++; ; i++ {
		i += strings.IndexByte(s[i:], '"')
		n := 0
		for s[i-1-n] == '\\' {
			n++
		}
		if n%2 == 0 {
			return i + 1
		}
	}
}

// valueEnd gives the offset behind the value that begins at i.
func valueEnd(s string, i int) int {
	switch s[i] {
	case '"':
		return stringEnd(s, i)
	case '{', '[':
		for depth := 0; ; {
			switch s[i] {
			case '"':
				i = stringEnd(s, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for i < len(s) && strings.IndexByte(",}] \n\r\t", s[i]) < 0 {
		i++
	}
	return i
}

// tooDeep gives where brackets are more than most deep in what may be JSON, or
// -1.
func tooDeep(s string, most int) int {
	if strings.Count(s, "{")+strings.Count(s, "[") <= most {
		return -1
	}
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

// unquote appends the text of a JSON string. The code says what Postgres cannot
// keep: a NUL, or half a surrogate pair.
func unquote(dst []byte, s string) (text []byte, code string) {
	s = s[1 : len(s)-1]
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...), ""
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(s)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
					return dst, "invalid_encoding"
				}
				if r = utf16.DecodeRune(r, hex4(s[2:])); r == utf8.RuneError {
					return dst, "invalid_encoding"
				}
				s = s[6:]
			}
			if r == 0 {
				return dst, "nul_byte"
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
}

func hex4(s string) (r rune) {
	for i := range 4 {
		r <<= 4
		switch c := s[i]; {
		case c <= '9':
			r |= rune(c - '0')
		default:
			r |= rune(c|0x20-'a') + 10
		}
	}
	return r
}

// position gives line and column of an offset in a text that begins at a line
// and a column.
func position(text string, line, column, at int) (int, int) {
	text = text[:at]
	if n := strings.Count(text, "\n"); n > 0 {
		return line + n, at - strings.LastIndexByte(text, '\n')
	}
	return line, column + at
}

// invalidAt gives where a text stops being UTF-8.
func invalidAt(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return 0
}
