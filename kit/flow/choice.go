package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/path"
	"fnstore/kit/flow/value"
)

// choice goes where the first rule that holds leads.
func (r *run) choice(f *Frame, d *data) {
	s := d.state
	for _, rule := range s.Choices {
		yes, fail := d.holds(rule)
		if fail != nil {
			r.fail(f, s, fail)
			return
		}
		if yes {
			r.choose(f, d, rule)
			return
		}
	}
	if s.Default == "" {
		r.fail(f, s, d.failure(errNoChoice, "Failed to transition out of the state. The state does not point to a next state."))
		return
	}
	r.choose(f, d, &definition.Rule{Next: s.Default, Assign: s.Assign})
}

func (r *run) choose(f *Frame, d *data, rule *definition.Rule) {
	s := d.state
	var output any
	var vars *value.Object
	var fail *failure
	if s.JSONata {
		out := rule.Output
		if out == nil {
			out = s.Output
		}
		output, vars, fail = d.queried(rule.Assign, out, nil, d.f.Input.Any)
	} else {
		if vars, fail = d.assign(rule.Assign, d.effective); fail == nil {
			output, fail = d.get(s.OutputPath, d.effective)
		}
	}
	if fail != nil {
		r.fail(f, s, fail)
		return
	}
	r.leave(f, s, output, vars, rule.Next)
}

func (d *data) holds(rule *definition.Rule) (bool, *failure) {
	switch {
	case rule.Condition != nil:
		v, fail := d.query("Choices/Condition", rule.Condition, nil)
		if fail != nil {
			return false, fail
		}
		yes, ok := v.(bool)
		if !ok {
			fail := d.failure(errQuery, fmt.Sprintf("The JSONata expression '%s' specified for the field 'Choices/Condition' returned an unexpected result type. Expected 'boolean', but was '%s' for value: %s", rule.Condition.Expression(), value.Kind(v), value.Text(v)))
			fail.location = "Choices/Condition"
			return false, fail
		}
		return yes, nil
	case rule.And != nil:
		for _, sub := range rule.And {
			if yes, fail := d.holds(sub); !yes || fail != nil {
				return false, fail
			}
		}
		return true, nil
	case rule.Or != nil:
		for _, sub := range rule.Or {
			if yes, fail := d.holds(sub); yes || fail != nil {
				return yes, fail
			}
		}
		return false, nil
	case rule.Not != nil:
		yes, fail := d.holds(rule.Not)
		return !yes, fail
	}
	return d.compare(rule)
}

func (d *data) compare(rule *definition.Rule) (bool, *failure) {
	scope := d.scope(d.effective).Scope
	v, err := rule.Variable.Get(scope)
	var missing *path.MissingError
	absent := errors.As(err, &missing)
	if rule.Operator == "IsPresent" {
		return !absent == (rule.Constant == true), nil
	}
	if err != nil {
		return false, d.runtime("Invalid path '%s': The choice state's condition path references an invalid value.", rule.Variable)
	}
	want := rule.Constant
	if rule.Other != nil {
		if want, err = rule.Other.Get(scope); err != nil {
			return false, d.runtime("Invalid path '%s': The choice state's condition path references an invalid value.", rule.Other)
		}
	}
	switch op := rule.Operator; {
	case op == "StringMatches":
		s, ok := v.(string)
		pattern, _ := want.(string)
		return ok && Like(s, pattern), nil
	case op == "BooleanEquals":
		b, ok := v.(bool)
		w, isBool := want.(bool)
		return ok && isBool && b == w, nil
	case strings.HasPrefix(op, "Is"):
		return is(op, v) == (want == true), nil
	case strings.HasPrefix(op, "String"):
		a, okA := v.(string)
		b, okB := want.(string)
		return okA && okB && ordering(op[len("String"):], strings.Compare(a, b)), nil
	case strings.HasPrefix(op, "Numeric"):
		a, okA := v.(json.Number)
		b, okB := want.(json.Number)
		return okA && okB && ordering(op[len("Numeric"):], value.CompareNumbers(a, b)), nil
	default:
		a, okA := timestamp(v)
		b, okB := timestamp(want)
		return okA && okB && ordering(op[len("Timestamp"):], a.Compare(b)), nil
	}
}

func timestamp(v any) (time.Time, bool) {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

func is(op string, v any) bool {
	switch op {
	case "IsNull":
		return v == nil
	case "IsTimestamp":
		_, ok := timestamp(v)
		return ok
	case "IsNumeric":
		return value.Kind(v) == "number"
	}
	return strings.EqualFold(op, "Is"+value.Kind(v))
}

func ordering(op string, c int) bool {
	switch op {
	case "Equals":
		return c == 0
	case "LessThan":
		return c < 0
	case "LessThanEquals":
		return c <= 0
	case "GreaterThan":
		return c > 0
	}
	return c >= 0
}

// Like is true if a text matches a pattern of StringMatches: * is any text, \*
// a star and \\ a backslash.
func Like(s, pattern string) bool {
	var parts []string // texts between the stars
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && (pattern[i+1] == '*' || pattern[i+1] == '\\'):
			i++
			b.WriteByte(pattern[i])
		case c == '*':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	last := b.String()
	if parts == nil {
		return s == last
	}
	s, ok := strings.CutPrefix(s, parts[0])
	for _, part := range parts[1:] {
		var found bool
		if _, s, found = strings.Cut(s, part); !found {
			return false
		}
	}
	return ok && strings.HasSuffix(s, last)
}
