package tabular

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// BindWhole is for a table that keeps each row as it is, in the columns line (a
// bigint: where the row begins in the file, from 1) and data (jsonb). A row of
// CSV becomes an object of texts under the names of its header, an empty field
// null; a column without a name is called column_N. Of JSON an object with two
// members of one name is refused (duplicate_key), since jsonb would lose one.
func BindWhole(columns []string) *Binding {
	b := &Binding{whole: true}
	for i, name := range columns {
		if name == "" {
			name = columnName(i)
		}
		b.names = append(b.names, string(quoted(nil, name))+":")
	}
	return b
}

func columnName(i int) string { return fmt.Sprintf("column_%d", i+1) }

func (b *Binding) appendWhole(dst []byte, row *Row) ([]byte, *RowError) {
	dst = append(strconv.AppendInt(dst, int64(row.Line), 10), '\t')
	wrong := func(i int, code string) *RowError {
		t := target{Column: Column{Name: "data", Type: "jsonb"}}
		e := t.wrong(row, i, code, "")
		e.Field = ""
		return e
	}
	if row.from.format != CSV {
		if i := repeated(row.names); i >= 0 {
			return dst, keyed(row, i, "duplicate_key", row.names[i])
		}
		code := b.checkStrings(row.text)
		if code == "" {
			dst, code = appendText(dst, row.text)
		}
		if code != "" {
			return dst, wrong(-1, code)
		}
		return dst, nil
	}
	b.object = append(b.object[:0], '{')
	for i, v := range row.values {
		if i > 0 {
			b.object = append(b.object, ',')
		}
		if i < len(b.names) {
			b.object = append(b.object, b.names[i]...)
		} else {
			b.object = append(quoted(b.object, columnName(i)), ':')
		}
		switch {
		case v == "":
			b.object = append(b.object, "null"...)
		case !utf8.ValidString(v):
			return dst, wrong(i, "invalid_encoding")
		default:
			for j := range len(v) {
				if v[j] == 0 {
					return dst, wrong(i, "nul_byte")
				}
			}
			b.object = quoted(b.object, v)
		}
	}
	dst, _ = appendText(dst, string(append(b.object, '}'))) // checked above
	return dst, nil
}

// repeated gives the number of a name that was there before, or -1.
func repeated(names []string) int {
	if len(names) <= 16 { // most rows: no map
		for i, name := range names {
			for _, before := range names[:i] {
				if name == before {
					return i
				}
			}
		}
		return -1
	}
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		if seen[name] {
			return i
		}
		seen[name] = true
	}
	return -1
}

// quoted adds valid UTF-8 as a JSON string.
func quoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
