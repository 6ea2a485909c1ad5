package definition

import (
	"encoding/json"
	"fmt"
	"strings"

	"fnstore/kit/flow/query"
)

// operators are those of choice rules that compare, each with the check of its
// constant. Those that are alone have no form that ends in Path.
var operators = map[string]struct {
	check func(any) string
	alone bool
}{
	"StringMatches": {isString, true},
	"IsNull":        {isBool, true}, "IsPresent": {isBool, true}, "IsNumeric": {isBool, true},
	"IsString": {isBool, true}, "IsBoolean": {isBool, true}, "IsTimestamp": {isBool, true},
	"BooleanEquals": {isBool, false},
}

func init() {
	for kind, check := range map[string]func(any) string{"String": isString, "Numeric": isNumber, "Timestamp": isTimestamp} {
		for _, op := range []string{"Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals"} {
			operators[kind+op] = struct {
				check func(any) string
				alone bool
			}{check, false}
		}
	}
}

func isBool(v any) string {
	if _, ok := v.(bool); !ok {
		return "must be true or false"
	}
	return ""
}

func isNumber(v any) string {
	if _, ok := v.(json.Number); !ok {
		return "must be a number"
	}
	return ""
}

func (p *parser) choices(n node, s *State) {
	s.Default = p.str(n, "Default", false)
	if !n.Has("Choices") {
		p.say(Schema, n.pointer, `the field "Choices" is missing`)
	}
	p.each(n, "Choices", func(_, _ int, n node) {
		s.Choices = append(s.Choices, p.rule(n, true))
	})
	if n.Has("Choices") && len(s.Choices) == 0 {
		p.say(Schema, n.at("Choices"), "Choices must hold at least one rule")
	}
}

// rule reads a rule; top ones have Next.
func (p *parser) rule(n node, top bool) *Rule {
	r := &Rule{}
	if top {
		r.Next = p.str(n, "Next", true)
		r.Assign = p.assign(n)
		if p.jsonata {
			r.Output = p.value(n, "Output")
		}
	} else {
		for _, field := range []string{"Next", "Assign"} {
			if n.Has(field) {
				p.say(Schema, n.at(field), "%s belongs to the outermost rule", field)
			}
		}
	}
	p.str(n, "Comment", false)
	if p.jsonata {
		p.only(n, "a choice rule of JSONata", "Condition", "Next", "Comment", "Assign", "Output")
		p.condition(n, r)
		return r
	}
	for _, field := range []string{"And", "Or"} {
		if !n.Has(field) {
			continue
		}
		var list []*Rule
		p.each(n, field, func(_, _ int, n node) { list = append(list, p.rule(n, false)) })
		if len(list) == 0 {
			p.say(Schema, n.at(field), "%s must hold at least one rule", field)
		}
		if field == "And" {
			r.And = list
		} else {
			r.Or = list
		}
	}
	if sub, ok := p.object(n, "Not"); ok {
		r.Not = p.rule(sub, false)
	}
	p.comparison(n, r)
	return r
}

func (p *parser) condition(n node, r *Rule) {
	v, ok := n.Get("Condition")
	if !ok {
		p.say(Schema, n.pointer, `the field "Condition" is missing`)
		return
	}
	if _, isBool := v.(bool); isBool {
		r.Condition, _ = query.Parse(nil, v)
		return
	}
	s, _ := v.(string)
	if _, isQuery := query.Source(s); !isQuery {
		p.say(Schema, n.at("Condition"), "Condition must be true, false or an expression of the form {%% … %%}")
		return
	}
	if got := p.value(n, "Condition"); got != nil {
		r.Condition = got.Query
	}
}

func (p *parser) comparison(n node, r *Rule) {
	var found []string
	for field, v := range n.All() {
		switch field {
		case "Next", "Comment", "Assign", "Variable":
			continue
		case "And", "Or", "Not":
			found = append(found, field)
			continue
		}
		name, isPath := strings.CutSuffix(field, "Path")
		op, known := operators[name]
		if !known || isPath && op.alone {
			p.say(Schema, n.at(field), "the field %q is not supported in a choice rule", field)
			continue
		}
		found = append(found, field)
		r.Operator = name
		if isPath {
			r.Other = p.parsePath(v, n.at(field), field, false)
		} else if complaint := op.check(v); complaint != "" {
			p.say(Schema, n.at(field), "%s %s", field, complaint)
		}
		r.Constant = v
	}
	if len(found) != 1 {
		p.say(Schema, n.pointer, "a choice rule needs exactly one operator, and this has %s", howMany(found))
	}
	v, ok := n.Get("Variable")
	switch {
	case r.Operator != "" && !ok:
		p.say(Schema, n.pointer, `the field "Variable" is missing`)
	case ok && r.Operator == "" && len(found) > 0:
		p.say(Schema, n.at("Variable"), "Variable does not go with %s", found[0])
	case ok:
		r.Variable = p.parsePath(v, n.at("Variable"), "Variable", false)
	}
}

func howMany(found []string) string {
	if len(found) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d: %s", len(found), strings.Join(found, ", "))
}
