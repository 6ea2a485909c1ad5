package migrate

import (
	"slices"
	"strings"
	"testing"
)

func TestExpandRoles_OfAFile(t *testing.T) {
	const grants = "grant select on a to :role, :role(users); -- a::role stays, :rolex too"
	if got := expandRoles(grants, "my-fn"); got != `grant select on a to "fn_my_fn", "fn_users"; -- a::role stays, :rolex too` {
		t.Error(got)
	}
	if got := named(grants); !slices.Equal(got, []string{"users"}) {
		t.Error(got)
	}
}

// Whatever stands in the file, a role's name cannot end its quotes.
func FuzzExpandRoles(f *testing.F) {
	for _, s := range []string{":role", ":role(a-b)", ":role()", ":role(a\"b)", "::role", ":role:role", ":role(" + strings.Repeat("a", 80) + ")"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := expandRoles(s, "f")
		if strings.Count(got, `"`) != strings.Count(s, `"`)+2*len(roleWord.FindAllString(s, -1)) {
			t.Errorf("%q became %q", s, got)
		}
	})
}
