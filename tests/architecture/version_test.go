package architecture

import (
	"regexp"
	"strings"
	"testing"
)

// TestVersion_GoVersion holds the places together that name Go's version. They are
// read by different programs: the go command here, Docker where images are
// built, and the go command of whoever starts a function from the template.
func TestVersion_GoVersion(t *testing.T) {
	want := minor(t, "go.mod", `(?m)^go (\d+\.\d+)`)
	for _, place := range []struct{ file, expr string }{
		{"template/golang-middleware/Dockerfile", `(?m)^ARG GO_VERSION=(\d+\.\d+)`},
		{"template/golang-middleware/function/go.mod", `(?m)^go (\d+\.\d+)`},
		{"template/golang-middleware/build.sh", `\\ngo (\d+\.\d+)\\n`},
		{"tools/go.mod", `(?m)^go (\d+\.\d+)`},
	} {
		if got := minor(t, place.file, place.expr); got != want {
			t.Errorf("%s says Go %s and go.mod says %s: what is tested is not what is shipped. Change them together.", place.file, got, want)
		}
	}
}

func minor(t *testing.T, name, expr string) string {
	t.Helper()
	m := regexp.MustCompile(expr).FindStringSubmatch(string(read(t, name)))
	if m == nil {
		t.Fatalf("%s names no version of Go in the form %s", name, expr)
	}
	return strings.TrimSpace(m[1])
}
