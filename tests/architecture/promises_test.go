package architecture

import (
	"regexp"
	"strings"
	"testing"
)

var named = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`)

// A page that names a test makes a promise with it. The test must be there.
func TestPromises_TestsNamedInPagesExist(t *testing.T) {
	have := map[string]bool{}
	for _, h := range holders(t) {
		have[h.name] = true
	}
	for _, f := range files(t) {
		if !strings.HasSuffix(f.path, ".md") || f.testdata() {
			continue
		}
		for i, line := range strings.Split(string(f.text), "\n") {
			for _, name := range named.FindAllString(line, -1) {
				if !have[name] {
					t.Errorf("%s:%d names %s, and there is no such test: the promise beside it is held by nothing. Write the test, or take the promise back.", f.path, i+1, name)
				}
			}
		}
	}
}
