package architecture

import (
	"regexp"
	"testing"
)

var suffix = regexp.MustCompile(`_[RB]\d+$`)

func TestSeed_NamesHaveNoSuffix(t *testing.T) {
	for _, h := range holders(t) {
		if suffix.MatchString(h.name) {
			t.Errorf("%s in %s ends in a row or bug of the seed. Name what is tested, and write the row into a comment directly above the test: \"// Seed: R28, B34\".", h.name, h.dir)
		}
	}
}
