// Package value is JSON as a workflow sees it: objects keep the order of their
// members and numbers keep their text, so that 100.10 and an id above 2⁵³ come
// out as they went in. It knows nothing about workflows.
//
// A value is one of nil, bool, string, json.Number, []any and *Object. Values
// are not changed once they are shared; With and Replace give changed copies.
package value

import (
	"encoding/json"
	"iter"
)

// Object is a JSON object whose members keep their order. The zero Object is
// empty and ready to use.
type Object struct {
	keys   []string
	values []any
	index  map[string]int // only of large objects
}

// indexedFrom is the size from which an object has an index: below it a scan
// is faster.
const indexedFrom = 12

// NewObject is an object of names and values in turns.
func NewObject(pairs ...any) *Object {
	o := sized(len(pairs) / 2)
	for i := 0; i+1 < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

// sized is an empty object with room for n members.
func sized(n int) *Object { return &Object{keys: make([]string, 0, n), values: make([]any, 0, n)} }

func (o *Object) find(key string) int {
	if o == nil {
		return -1
	}
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return i
		}
		return -1
	}
	for i, k := range o.keys {
		if k == key {
			return i
		}
	}
	return -1
}

// Get is a member's value, and whether there is one.
func (o *Object) Get(key string) (any, bool) {
	if i := o.find(key); i >= 0 {
		return o.values[i], true
	}
	return nil, false
}

// Has is true if there is such a member.
func (o *Object) Has(key string) bool { return o.find(key) >= 0 }

// String is a member that is a string, or "".
func (o *Object) String(key string) string {
	v, _ := o.Get(key)
	s, _ := v.(string)
	return s
}

// Len is the number of members.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.keys)
}

// All goes through the members in their order.
func (o *Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if o == nil {
			return
		}
		for i, k := range o.keys {
			if !yield(k, o.values[i]) {
				return
			}
		}
	}
}

// Set sets a member of an object that nobody else has yet.
func (o *Object) Set(key string, v any) {
	if i := o.find(key); i >= 0 {
		o.values[i] = v
		return
	}
	o.keys, o.values = append(o.keys, key), append(o.values, v)
	if o.index != nil {
		o.index[key] = len(o.keys) - 1
	} else if len(o.keys) == indexedFrom {
		o.index = make(map[string]int, 2*indexedFrom)
		for i, k := range o.keys {
			o.index[k] = i
		}
	}
}

// With is a copy of the object in which key has the value v.
func (o *Object) With(key string, v any) *Object {
	c := sized(o.Len() + 1)
	for k, old := range o.All() {
		c.Set(k, old)
	}
	c.Set(key, v)
	return c
}

// MarshalJSON keeps the order.
func (o *Object) MarshalJSON() ([]byte, error) { return Encode(o), nil }

// UnmarshalJSON keeps the order.
func (o *Object) UnmarshalJSON(data []byte) error {
	v, err := Decode(data)
	if err != nil {
		return err
	}
	got, ok := v.(*Object)
	if !ok {
		return &SyntaxError{Message: "not an object"}
	}
	*o = *got
	return nil
}

// JSON is a value as a field of something that encoding/json writes and reads.
type JSON struct{ Any any }

// MarshalJSON writes the value.
func (j JSON) MarshalJSON() ([]byte, error) { return Encode(j.Any), nil }

// UnmarshalJSON reads a value.
func (j *JSON) UnmarshalJSON(data []byte) (err error) {
	j.Any, err = Decode(data)
	return err
}

// Kind names a value's type as JSON Schema does: null, boolean, string, number,
// array or object.
func Kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
