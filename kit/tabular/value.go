package tabular

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What is here accepts no value that Postgres would refuse, since one such value
// ends the COPY of all rows: TestAppend_PostgresTakesWhatIsAccepted asks it.

// kind is how a type's values are checked.
type kind int

const (
	text kind = iota
	boolean
	integer // size is its bytes
	float
	numeric
	date
	timestamp
	timestamptz
	uuid
	document // json and jsonb
)

// takes says whether a JSON value that is no string and begins so may be of the
// kind.
func (k kind) takes(first byte) bool {
	switch first {
	case '{', '[':
		return k == document
	case 't', 'f':
		return k == boolean || k == text
	}
	return k == integer || k == float || k == numeric || k == text
}

var types = map[string]struct {
	kind kind
	size int
}{
	"text": {text, 0}, "varchar": {text, 0}, "character varying": {text, 0},
	"bool": {boolean, 0}, "boolean": {boolean, 0},
	"int2": {integer, 2}, "smallint": {integer, 2}, "int4": {integer, 4}, "int": {integer, 4}, "integer": {integer, 4},
	"int8": {integer, 8}, "bigint": {integer, 8},
	"float8": {float, 0}, "double precision": {float, 0},
	"numeric": {numeric, 0}, "decimal": {numeric, 0},
	"date": {date, 0}, "timestamp": {timestamp, 0}, "timestamp without time zone": {timestamp, 0},
	"timestamptz": {timestamptz, 0}, "timestamp with time zone": {timestamptz, 0},
	"uuid": {uuid, 0}, "json": {document, 0}, "jsonb": {document, 0},
}

// parseType reads the name of a type, and what is in its brackets.
func parseType(name string) (k kind, size, scale int, err error) {
	base, args, bracketed := strings.Cut(strings.ToLower(name), "(")
	t, ok := types[strings.TrimSpace(base)]
	if !ok || bracketed && t.kind != text && t.kind != numeric || bracketed && strings.TrimSpace(base) == "text" {
		return 0, 0, 0, fmt.Errorf("the type %q is not known here", name)
	}
	if !bracketed {
		return t.kind, t.size, 0, nil
	}
	args = strings.TrimSuffix(args, ")")
	first, second, two := strings.Cut(args, ",")
	size, err = strconv.Atoi(strings.TrimSpace(first))
	if err == nil && two {
		scale, err = strconv.Atoi(strings.TrimSpace(second))
	}
	if err != nil || size < 1 || scale < 0 || scale > size || two && t.kind == text {
		return 0, 0, 0, fmt.Errorf("the type %q is not known here", name)
	}
	return t.kind, size, scale, nil
}

// append adds a value in COPY's text format. The code is empty, or says why it
// is none of the column's type.
func (t *target) append(dst []byte, v string) (out []byte, code string) {
	switch t.kind {
	case text:
		if t.size > 0 && len(v) > t.size && utf8.RuneCountInString(v) > t.size {
			return dst, "out_of_range"
		}
		return appendText(dst, v)
	case document:
		return appendText(dst, v)
	}
	v = strings.Trim(v, " ")
	switch t.kind {
	case boolean:
		code = checkBool(v)
	case integer:
		code = checkInt(v, t.size)
	case float:
		code = checkFloat(v)
	case numeric:
		code = checkNumeric(v, t.size, t.scale)
	case uuid:
		code = checkUUID(v)
	default:
		return appendTime(dst, v, t.kind)
	}
	if code != "" {
		return dst, code
	}
	return append(dst, v...), ""
}

// appendText escapes what COPY's text format gives a meaning to.
func appendText(dst []byte, s string) (out []byte, code string) {
	from, high := 0, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		high |= c
		if c >= ' ' && c != '\\' {
			continue
		}
		switch c {
		case 0:
			return dst, "nul_byte"
		case '\n':
			c = 'n'
		case '\r':
			c = 'r'
		case '\t':
			c = 't'
		case '\\':
		default:
			continue
		}
		dst = append(append(dst, s[from:i]...), '\\', c)
		from = i + 1
	}
	if high >= utf8.RuneSelf && !utf8.ValidString(s) {
		return dst, "invalid_encoding"
	}
	return append(dst, s[from:]...), ""
}

func checkBool(v string) string {
	switch len(v) {
	case 1:
		if strings.IndexByte("tfynTFYN01", v[0]) >= 0 {
			return ""
		}
	case 2, 3, 4, 5:
		switch strings.ToLower(v) {
		case "true", "false", "yes", "no", "on", "off":
			return ""
		}
	}
	return "invalid_value"
}

func checkUUID(v string) string {
	if len(v) != 36 {
		return "invalid_value"
	}
	for i := range len(v) {
		c := v[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return "invalid_value"
			}
		default:
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return "invalid_value"
			}
		}
	}
	return ""
}

// checkDocument is for a JSON text in a CSV field.
func (b *Binding) checkDocument(v string, depth int) string {
	if !utf8.ValidString(v) {
		return "invalid_encoding"
	}
	if tooDeep(v, depth) >= 0 {
		return "too_deep"
	}
	if b.scratch = append(b.scratch[:0], v...); !json.Valid(b.scratch) {
		return "invalid_value"
	}
	return b.checkStrings(v)
}

// checkStrings looks in valid JSON for what jsonb cannot keep: NULs, halves of
// surrogate pairs, and numbers beyond numeric.
func (b *Binding) checkStrings(v string) (code string) {
	for i := 0; i < len(v); {
		switch c := v[i]; {
		case c == '"':
			end := stringEnd(v, i)
			if strings.IndexByte(v[i:end], '\\') >= 0 {
				if b.scratch, code = unquote(b.scratch[:0], v[i:end]); code != "" {
					return code
				}
			}
			i = end
		case c == '-' || c >= '0' && c <= '9':
			end := valueEnd(v, i)
			if code := checkNumeric(v[i:end], 0, 0); code != "" {
				return code
			}
			i = end
		default:
			i++
		}
	}
	return ""
}
