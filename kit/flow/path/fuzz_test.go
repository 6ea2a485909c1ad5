package path_test

import (
	"errors"
	"testing"

	"fnstore/kit/flow/path"
	"fnstore/kit/flow/value"
)

func FuzzPath(f *testing.F) {
	for _, s := range []string{"$", "$.a.b[0]", "$..a[?(@.b > 1 && !(@.c) || @.d =~ /x.*/i)]", "$['a','b'][1:2]", "$$.Map.Item.Value", "$v[-1].length()", "$.a[?(@.b in ['x',1])][*]"} {
		f.Add(s, `{"a":[{"b":1},{"b":{"c":null}}]}`)
	}
	f.Fuzz(func(t *testing.T, text, input string) {
		p, err := path.Parse(text)
		if err != nil {
			return
		}
		v, err := value.Decode([]byte(input))
		if err != nil {
			return
		}
		got, err := p.Get(path.Scope{Input: v, Variables: value.NewObject("v", v)})
		var missing *path.MissingError
		if err == nil && !p.Definite() {
			if _, ok := got.([]any); !ok {
				t.Errorf("%s is not definite and gave %s", text, value.Text(got))
			}
		}
		if err != nil && p.Definite() && !errors.As(err, &missing) {
			t.Errorf("%s: %v", text, err)
		}
		if p.Reference() && p.Root() == "" {
			if changed, err := p.Set(v, "set"); err == nil {
				if back, err := p.Get(path.Scope{Input: changed}); err != nil || back != "set" {
					t.Errorf("%s was set in %s, and reads %v %v", text, input, back, err)
				}
			}
		}
	})
}
