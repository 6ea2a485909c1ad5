package stackfile

import (
	"fmt"
	"strings"
	"testing"
)

func TestFilter_Match(t *testing.T) {
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"*", "x", true}, {"a*", "abc", true}, {"*c", "abc", true},
		{"a*c", "ac", true}, {"a*a", "a", false}, {"a*b*c", "axbyc", true}, {"a*b*c", "acb", false}, {"a?c", "abc", false},
		{"**", "x", true}, {"*b*", "abc", true}, {"", "", true}, {"", "a", false}, {"a*ab", "ab", false},
	} {
		if got := Match(c.glob, c.name); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.glob, c.name, got)
		}
	}
}

func TestFilter_Select(t *testing.T) {
	f := &File{Functions: []*Function{{Name: "users"}, {Name: "user-events"}, {Name: "hello"}}}
	for _, c := range []struct{ glob, regex, want string }{
		{"", "", "users user-events hello"}, {"user*", "", "users user-events"}, {"", "^h|s$", "users user-events hello"},
		{"", "ell", "hello"}, {"x*", "", "error: no functions matching"}, {"a", "b", "error: pass in"}, {"", "(", "error: read --regex"},
	} {
		found, err := f.Select(c.glob, c.regex)
		var names []string
		for _, fn := range found {
			names = append(names, fn.Name)
		}
		got := strings.Join(names, " ")
		if err != nil {
			got = fmt.Sprintf("error: %v", err)
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}
