package law

import (
	"regexp"
	"strings"
)

var suffix = regexp.MustCompile(`(?:_[RB]\d+)+$`)

// idsInName are the rows and bugs at the end of a test's name, where they were
// written before they had comments. It goes when no name has them any more.
func idsInName(name string) []string {
	return strings.FieldsFunc(suffix.FindString(name), func(r rune) bool { return r == '_' })
}
