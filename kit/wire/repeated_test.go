package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"fnstore/kit/fault"
)

// many is an object of n members, and what follows them.
func many(n int, more string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"name%d":%d,`, i, i)
	}
	return `{` + b.String() + more + `}`
}

func TestRepeated_DecodeRefusesAMemberTwice(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}`: true,
		`{"a":"a","b":"a\",\"a\":1","c":["a","a"]}`: true,
		`{"":1," ":2}`: true,
		`[{"a":1},{"a":1},[],{},[{"a":[{"a":1}]}]]`: true,
		`{"a":1,"\u0061b":2}`:                       true,
		many(1000, `"z":{"name1":1}`):               true,
		`{"a":1,"a":1}`:                             false,
		`{"a":1,"A":2}`:                             false,
		`{"a":1,"\u0061":2}`:                        false,
		`{"\u0041":1,"b":[],"a":2}`:                 false,
		`{"":1,"b":2,"":3}`:                         false,
		`{"kind":1,"\u212aind":2}`:                  false, // the Kelvin sign
		`{"size":1,"\u017fize":2}`:                  false, // the long s
		"{\"\u00e4\":1,\"\u00c4\":2}":               false, // a umlaut, small and capital
		"{\"\xff\":1,\"\xfe\":2}":                   false, // both are read as U+FFFD
		`[[{"x":{"a":{},"b":1,"a":[]}}]]`:           false,
		`{"a":{"b":1,"c":2},"d":[1,2],"a":null}`:    false,
		many(1000, `"NAME7":0`):                     false,
		many(1000, `"name999":0`):                   false,
		many(16, `"name15":0`):                      false,
		many(17, `"\u017f":1,"s":0`):                false,
		`{"o":` + many(100, `"z":1`) + `,"O":1}`:    false,
		strings.Repeat("[", 9000) + `{"a":1,"a":2}` + strings.Repeat("]", 9000): false,
	} {
		var v any
		err := Decode([]byte(body), &v)
		if (err == nil) != ok || err != nil && fault.Of(err).Code != "duplicate_member" {
			t.Errorf("%.80q: %v", body, err)
		}
	}
}

// slow finds the same with the tokens of encoding/json.
func slow(d *json.Decoder) (twice bool, err error) {
	tok, err := d.Token()
	if err != nil {
		return false, err
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		return false, nil
	}
	var names []string
	for d.More() {
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return twice, err
			}
			for _, n := range names {
				twice = twice || strings.EqualFold(n, name.(string))
			}
			names = append(names, name.(string))
		}
		t, err := slow(d)
		if err != nil {
			return twice, err
		}
		twice = twice || t
	}
	_, err = d.Token()
	return twice, err
}

func FuzzRepeated(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"A":2}`, `[{"a":{"b":[],"\u0062":0}}]`, `{"\\":"\"","\"":{}}`, "{\"\xff\":1,\"\ufffd\":2}", many(20, `"k":1,"\u212A":2`), ` [ ] `, `"{"`, `1`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) {
			return
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		want, err := slow(d)
		if err != nil && err != io.EOF {
			t.Fatalf("%q is valid, and its tokens are not: %v", body, err)
		}
		if name, got := repeated(body); got != want {
			t.Errorf("%q: %q %v, want %v", body, name, got, want)
		}
	})
}

// What looking for names adds to reading a large body: orders of 20 members.
func BenchmarkDecode(b *testing.B) {
	type line struct {
		OrderID  string `json:"orderId"`
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
		Note     string `json:"note"`
	}
	var lines []line
	for i := range 20_000 {
		lines = append(lines, line{fmt.Sprint("order-", i), "ABC-1234", i, strings.Repeat("words and \"quotes\" ", 3)})
	}
	body, err := json.Marshal(lines)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("json", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			var v []line
			if err := json.Unmarshal(body, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Decode", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			var v []line
			if err := Decode(body, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("names", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if _, twice := repeated(body); twice {
				b.Fatal("a name was found twice")
			}
		}
	})
}
