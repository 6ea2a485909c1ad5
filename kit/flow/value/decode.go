package value

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may be nested.
const MaxDepth = 1000

// SyntaxError is text that is not JSON. Offset counts bytes from 0.
type SyntaxError struct {
	Message string
	Offset  int
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Message, e.Offset) }

// Decode reads one JSON value. Of a name that occurs twice the last value
// counts. The error is a *SyntaxError.
func Decode(data []byte) (any, error) {
	d := decoder{text: data}
	return d.document()
}

// DecodeWithOffsets reads one JSON value and tells where each part of it
// begins, by its JSON pointer (RFC 6901). It lists the pointers of names that
// occur twice.
func DecodeWithOffsets(data []byte) (v any, offsets map[string]int, twice []string, err error) {
	d := decoder{text: data, offsets: map[string]int{}}
	v, err = d.document()
	return v, d.offsets, d.twice, err
}

type decoder struct {
	text    []byte
	at      int
	depth   int
	offsets map[string]int
	pointer []byte
	twice   []string
}

func (d *decoder) fail(format string, args ...any) error {
	return &SyntaxError{fmt.Sprintf(format, args...), min(d.at, len(d.text))}
}

func (d *decoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\r', '\n':
			d.at++
		default:
			return
		}
	}
}

func (d *decoder) document() (any, error) {
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(d.text) {
		return nil, d.fail("text after the end of the JSON value")
	}
	return v, nil
}

var words = []struct {
	text  string
	value any
}{{"true", true}, {"false", false}, {"null", nil}}

func (d *decoder) value() (any, error) {
	d.space()
	if d.at >= len(d.text) {
		return nil, d.fail("the JSON text ends too early")
	}
	if d.offsets != nil {
		d.offsets[string(d.pointer)] = d.at
	}
	switch c := d.text[d.at]; {
	case c == '{':
		return d.object()
	case c == '[':
		return d.array()
	case c == '"':
		return d.str()
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	}
	for _, w := range words {
		if bytes.HasPrefix(d.text[d.at:], []byte(w.text)) {
			d.at += len(w.text)
			return w.value, nil
		}
	}
	return nil, d.fail("unexpected character %q", rune(d.text[d.at]))
}

func (d *decoder) enter() error {
	if d.depth++; d.depth > MaxDepth {
		return d.fail("nested deeper than %d", MaxDepth)
	}
	d.at++
	d.space()
	return nil
}

// next reads the comma or the end of an array or object.
func (d *decoder) next(end byte) (done bool, err error) {
	d.space()
	if d.at >= len(d.text) {
		return false, d.fail("the JSON text ends too early")
	}
	switch d.text[d.at] {
	case ',':
		d.at++
		d.space()
		return false, nil
	case end:
		d.at++
		d.depth--
		return true, nil
	}
	return false, d.fail("expected a comma or %q", rune(end))
}

// under reads a value below the name.
func (d *decoder) under(name string) (any, error) {
	if d.offsets == nil {
		return d.value()
	}
	n := len(d.pointer)
	d.pointer = append(append(d.pointer, '/'), Escape(name)...)
	if _, again := d.offsets[string(d.pointer)]; again {
		d.twice = append(d.twice, string(d.pointer))
	}
	v, err := d.value()
	d.pointer = d.pointer[:n]
	return v, err
}

// Escape is a name as a part of a JSON pointer.
func Escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func (d *decoder) array() (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	list := []any{}
	if d.at < len(d.text) && d.text[d.at] == ']' {
		d.at++
		d.depth--
		return list, nil
	}
	for {
		v, err := d.under(strconv.Itoa(len(list)))
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if done, err := d.next(']'); done || err != nil {
			return list, err
		}
	}
}

func (d *decoder) object() (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	o := &Object{}
	if d.at < len(d.text) && d.text[d.at] == '}' {
		d.at++
		d.depth--
		return o, nil
	}
	for {
		if d.at >= len(d.text) || d.text[d.at] != '"' {
			return nil, d.fail("expected a name in quotes")
		}
		key, err := d.str()
		if err != nil {
			return nil, err
		}
		if d.space(); d.at >= len(d.text) || d.text[d.at] != ':' {
			return nil, d.fail("expected a colon after the name %q", key)
		}
		d.at++
		v, err := d.under(key.(string))
		if err != nil {
			return nil, err
		}
		o.Set(key.(string), v)
		if done, err := d.next('}'); done || err != nil {
			return o, err
		}
	}
}

func (d *decoder) str() (any, error) {
	start := d.at
	plain := true
	for d.at++; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			if plain {
				return string(d.text[start+1 : d.at-1]), nil
			}
			var s string
			if json.Unmarshal(d.text[start:d.at], &s) != nil {
				d.at = start
				return nil, d.fail("a string with a wrong escape")
			}
			return s, nil
		case c == '\\':
			plain = false
			d.at++
		case c < ' ':
			return nil, d.fail("a control character in a string")
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	return nil, d.fail("a string without an end")
}

func (d *decoder) number() (any, error) {
	start := d.at
	digits := func() int {
		n := d.at
		for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
			d.at++
		}
		return d.at - n
	}
	is := func(set string) bool { return d.at < len(d.text) && strings.IndexByte(set, d.text[d.at]) >= 0 }
	if is("-") {
		d.at++
	}
	leadingZero := is("0")
	if n := digits(); n == 0 || leadingZero && n > 1 {
		return nil, d.fail("a malformed number")
	}
	if is(".") {
		if d.at++; digits() == 0 {
			return nil, d.fail("a malformed number")
		}
	}
	if is("eE") {
		if d.at++; is("+-") {
			d.at++
		}
		if digits() == 0 {
			return nil, d.fail("a malformed number")
		}
	}
	return json.Number(d.text[start:d.at]), nil
}
