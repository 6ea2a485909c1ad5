package value_test

import (
	"encoding/json"
	"testing"

	"fnstore/kit/flow/value"
)

func TestDecode_KeepsOrderAndNumbers(t *testing.T) {
	const text = `{"z":100.10,"a":9007199254740993123,"m":{"y":[1e5,-0.0,null,true],"b":"\"\\\n é"}}`
	v, err := value.Decode([]byte(text))
	if err != nil || value.Text(v) != text {
		t.Errorf("%v\n%s\n%s", err, value.Text(v), text)
	}
}

func TestValue_CompareNumbers(t *testing.T) {
	ordered := []json.Number{"-1e999999999999999999999", "-2", "-1.5", "-1e-5", "0", "1e-400", "0.3", "0.30000000000000004", "1", "9007199254740992", "9007199254740993", "1e400", "1e99999999999999999999"}
	for i, a := range ordered {
		for j, b := range ordered {
			want := min(1, max(-1, i-j))
			if got := value.CompareNumbers(a, b); got != want {
				t.Errorf("%s and %s: %d, want %d", a, b, got, want)
			}
		}
	}
	for _, same := range [][2]json.Number{{"1", "1.0"}, {"100", "1e2"}, {"0", "-0.0"}, {"0e5", "0"}, {"0.1", "1e-1"}} {
		if value.CompareNumbers(same[0], same[1]) != 0 {
			t.Errorf("%s and %s differ", same[0], same[1])
		}
	}
}

// What encoding/json takes is taken, and what it refuses is refused.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,"x\u00e9\ud83d\ude00"],"a":null}`, `[[],{}]`, `-0`, `01`, `"\x"`, `{"a" 1}`, `nul`, "\"\x01\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := value.Decode(text)
		if valid := json.Valid(text); valid != (err == nil) && !(valid && len(text) > 1000) {
			t.Fatalf("%q: valid is %v, error %v", text, valid, err)
		}
		if err != nil {
			return
		}
		again, err := value.Decode(value.Encode(v))
		if err != nil || !value.Equal(v, again) {
			t.Fatalf("%q became %s: %v", text, value.Text(v), err)
		}
	})
}
