package definition

import (
	"regexp"

	"fnstore/kit/flow/query"
)

var (
	literals = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`)
	members  = regexp.MustCompile(`\$states\s*\.\s*([A-Za-z_]\w*)`)
)

// members refuses what $states does not have in a field: it has input and
// context, result where a state makes its output, and errorOutput in a Catcher.
func (p *parser) members(t *query.Template, at string) {
	t.Expressions(func(pointer, source string) {
		for _, m := range members.FindAllStringSubmatch(literals.ReplaceAllString(source, "''"), -1) {
			if name := m[1]; name != "input" && name != "context" && name != p.extra {
				p.say(Schema, at+pointer, "$states.%s is not there in this field", name)
			}
		}
	})
}
