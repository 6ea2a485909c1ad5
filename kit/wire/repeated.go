package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
)

// few is how many names of an object are compared with each other; a longer
// object gets an index.
const few = 16

// object is one that has begun and not ended. Of an array only the place on the
// stack counts.
type object struct {
	array bool
	first int             // of its names on the stack of names
	index map[string]bool // of its names, folded, when they are many
}

// Repeated finds a member that an object of valid JSON has twice, in whatever
// case, at any depth, for readers that do not go through Decode.
func Repeated(valid []byte) (name string, twice bool) {
	n, twice := repeated(valid)
	return string(n), twice
}

// repeated finds a member that an object has twice, at any depth. RFC 8259
// section 4 leaves open which one counts: encoding/json takes the last and does
// not tell names apart that differ in case, others do, and a gate in front of a
// reader may have looked at the other one. Go 1.26 has encoding/json/v2, which
// refuses both, only as an experiment.
//
// It reads only what encoding/json has accepted: the syntax is right.
func repeated(valid []byte) (name []byte, twice bool) {
	var (
		open  []object
		names [][]byte // of all open objects
		key   bool     // the next string is a name
	)
	for i := 0; i < len(valid); i++ {
		switch valid[i] {
		case '{', '[':
			key = valid[i] == '{'
			open = append(open, object{array: !key, first: len(names)})
		case '}', ']':
			last := len(open) - 1
			names, open, key = names[:open[last].first], open[:last], false
		case ',':
			key = !open[len(open)-1].array
		case '"':
			text, escaped := quoted(valid[i:])
			i += len(text) + 1
			if !key {
				continue
			}
			key = false
			if escaped {
				text = unescaped(text)
			}
			if names, twice = open[len(open)-1].add(names, text); twice {
				return text, true
			}
		}
	}
	return nil, false
}

// add puts a name on the stack, and tells whether the object had it before.
func (o *object) add(names [][]byte, name []byte) (_ [][]byte, twice bool) {
	own := names[o.first:]
	switch {
	case len(own) < few:
		for _, n := range own {
			if bytes.EqualFold(n, name) {
				return names, true
			}
		}
		return append(names, name), false
	case o.index == nil:
		o.index = make(map[string]bool, 4*few)
		for _, n := range own {
			o.index[folded(n)] = true
		}
	}
	f := folded(name)
	twice = o.index[f]
	o.index[f] = true
	return names, twice
}

// quoted gives what is between the quotes that b begins with.
func quoted(b []byte) (text []byte, escaped bool) {
	end := 1 + bytes.IndexByte(b[1:], '"')
	if bytes.IndexByte(b[1:end], '\\') < 0 {
		return b[1:end], false
	}
	for end = 1; b[end] != '"'; end++ {
		if b[end] == '\\' {
			end++
		}
	}
	return b[1:end], true
}

// unescaped is a name as encoding/json reads it.
func unescaped(text []byte) []byte {
	var s string
	if json.Unmarshal(append(append([]byte{'"'}, text...), '"'), &s) != nil {
		return text // it was read before: cannot happen
	}
	return []byte(s)
}

// folded is the same for all names that bytes.EqualFold takes for one.
func folded(name []byte) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' && r != 'k' && r != 's' { // those two have relatives abroad
			return r - 'a' + 'A'
		}
		for next := unicode.SimpleFold(r); ; next = unicode.SimpleFold(r) {
			if next <= r {
				return next // the least of those that fold into each other
			}
			r = next
		}
	}, string(name))
}
