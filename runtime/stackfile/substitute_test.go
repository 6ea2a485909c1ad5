package stackfile

import (
	"strings"
	"testing"
)

func env(m map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

// What faas-cli's library makes of each form, measured with it. A row that
// changes here changes what the same stack.yml means to faas-cli and to us.
func TestSubstitute_SubstitutionReadsAsInFaasCLI(t *testing.T) {
	vars := env(map[string]string{"A": "value", "E": "", "P": "a.tar.gz", "L": "LOUD", "B": "b"})
	for _, c := range []struct{ in, want string }{
		// only braces are expanded
		{"$A", "$A"}, {"$(A)", "$(A)"}, {"50%$", "50%$"},
		// plain
		{"${A}", "value"}, {"${U}", ""}, {"${E}", ""},
		// defaults when unset or empty
		{"${U:-d}", "d"}, {"${U:=d}", "d"}, {"${U=d}", "d"},
		{"${E:-d}", "d"}, {"${E:=d}", "d"}, {"${E=d}", "d"},
		{"${A:-d}", "value"}, {"${A:=d}", "value"}, {"${A=d}", "value"},
		// the wrong way round in the library, and so here
		{"${A:+x}", "value"}, {"${U:+x}", "x"},
		// never fails
		{"${U:?msg}", "msg"},
		// escapes
		{"$${A}", "${A}"}, {"$$A", "$A"}, {`\${A}`, `\value`}, {`a\\d`, `a\d`}, {`a\/d`, "a/d"}, {`a\d`, `a\d`},
		// nested defaults
		{"${U:-${A}}", "value"}, {"${U:-${V:-x}}", "x"},
		// as in bash
		{"${A^^}", "VALUE"}, {"${L,,}", "loud"}, {"${A^}", "Value"}, {"${A:1:2}", "al"}, {"${A:3}", "ue"},
		{"${A/a/b}", "vblue"}, {"${P##*.}", "gz"}, {"${P#*.}", "tar.gz"}, {"${P%.gz}", "a.tar"}, {"${#A}", "5"},
		// as stack.yml uses it
		{"${R:-127.0.0.1:5000}/fnstore/hello:${V:-dev}", "127.0.0.1:5000/fnstore/hello:dev"},
	} {
		got, err := substitute("stack.yml", c.in, vars)
		if err != nil || got != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestSubstitute_ABadSubstitutionNamesItsPlace(t *testing.T) {
	for _, c := range []struct{ in, at string }{
		{"a: b\nc: ${A-d}\n", "stack.yml:2:4:"},
		{"a: ${A} ${a.b}\n", "stack.yml:1:9:"},
		{"# ${ A }\n", "stack.yml:1:3:"},
		{"ok: $${x ${A\n", "stack.yml:1:10:"},
		{"a: ${A}\nb: \x00 c", "stack.yml:2:4: the file holds a NUL"},
		{"x: ${A}\ny: ${A} z\nimage: \"${B", "stack.yml:3:9:"},
	} {
		_, err := substitute("stack.yml", c.in, env(map[string]string{"A": "value"}))
		if err == nil || !strings.HasPrefix(err.Error(), c.at) {
			t.Errorf("%q: got %v, want a place %s", c.in, err, c.at)
		}
	}
}

func TestSubstitute_SubstitutionIsBounded(t *testing.T) {
	long := strings.Repeat("a", maxValue)
	for name, c := range map[string]struct{ text, value string }{
		"one long value":     {"${A}", long + "a"},
		"a value many times": {strings.Repeat("${A}", 100), long},
		"escapes":            {strings.Repeat("$", maxFile), ""},
		"replaced by longer": {"${A//a/" + strings.Repeat("b", 1000) + "}", long},
	} {
		if _, err := substitute("stack.yml", c.text, env(map[string]string{"A": c.value})); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
