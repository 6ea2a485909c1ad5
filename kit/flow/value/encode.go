package value

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Encode is a value as compact JSON.
func Encode(v any) []byte { return appendValue(nil, v) }

// Text is a value as compact JSON.
func Text(v any) string { return string(Encode(v)) }

// Size is the length of a value as compact JSON, in bytes.
func Size(v any) int { return len(Encode(v)) }

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return appendString(b, v)
	case json.Number:
		return append(b, v...)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, e)
		}
		return append(b, ']')
	case *Object:
		b = append(b, '{')
		first := true
		for k, e := range v.All() {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendString(b, k), ':')
			b = appendValue(b, e)
		}
		return append(b, '}')
	}
	return appendValue(b, From(v))
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n - 1
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		default:
			b = fmt.Appendf(b, `\u%04x`, c)
		}
		start = i + 1
	}
	return append(append(b, s[start:]...), '"')
}

// From makes a value of what other Go code has: integers, floats and maps with
// string keys, which get their keys' order. What JSON cannot say becomes null.
func From(v any) any {
	switch v := v.(type) {
	case nil, bool, string, json.Number, *Object:
		return v
	case int:
		return Int(v)
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case float64:
		return Float(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = From(e)
		}
		return list
	case map[string]any:
		o := &Object{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o.Set(k, From(v[k]))
		}
		return o
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	got, _ := Decode(text)
	return got
}

// Int is a whole number.
func Int(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// Float is a number in its shortest form, or null if it is none (NaN, ±Inf).
func Float(f float64) any {
	text, err := json.Marshal(f)
	if err != nil {
		return nil
	}
	return json.Number(text)
}
