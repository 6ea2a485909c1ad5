package path_test

import (
	"testing"

	"fnstore/kit/flow/path"
	"fnstore/kit/flow/value"
)

func TestGet_MissingSaysWhere(t *testing.T) {
	v, err := value.Decode([]byte(`{"a":{"b":[1]},"s":"text"}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"$.a.c":     "No results for path: $['a']['c']",
		"$.x.y":     "Missing property in path $['x']",
		"$.a.b[7]":  "No results for path: $['a']['b'][7]",
		"$.s[0]":    `Filter: [0] can only be applied to arrays. Current context is: "text"`,
		"$nobody.x": "the variable '$nobody' is not assigned",
	} {
		p, err := path.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Get(path.Scope{Input: v}); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	for _, text := range []string{"", "a", "$.", "$[", "$['a", "$.a[?(@.b]", "$.a[?(@.b == )]", "$.a b", "$[1:2:3]", "$.a[:]", "$.a[99999999999999999999]"} {
		if _, err := path.Parse(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
