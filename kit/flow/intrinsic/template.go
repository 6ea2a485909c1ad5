package intrinsic

import (
	"fmt"
	"strings"

	"fnstore/kit/flow/path"
	"fnstore/kit/flow/value"
)

// Template is JSON in which members whose name ends in ".$" hold expressions.
type Template struct {
	constant any
	members  []member
	items    []*Template
	object   bool
}

type member struct {
	name       string
	field      string // the name as written
	expression *Expression
	sub        *Template
}

// TemplateError is a template that cannot be read. Pointer tells where (RFC
// 6901).
type TemplateError struct{ Pointer, Reason string }

func (e *TemplateError) Error() string { return e.Reason }

// ParseTemplate reads a template. The errors are all that is wrong with it.
func ParseTemplate(v any) (*Template, []*TemplateError) {
	var errs []*TemplateError
	t := parseTemplate(v, "", &errs)
	return t, errs
}

func parseTemplate(v any, pointer string, errs *[]*TemplateError) *Template {
	switch v := v.(type) {
	case *value.Object:
		t := &Template{object: true}
		dynamic := false
		seen := map[string]bool{}
		for field, sub := range v.All() {
			at := pointer + "/" + value.Escape(field)
			name, isExpression := strings.CutSuffix(field, ".$")
			if seen[name] {
				*errs = append(*errs, &TemplateError{at, fmt.Sprintf("the name %q occurs with and without .$", name)})
			}
			seen[name] = true
			m := member{name: name, field: field}
			if isExpression {
				dynamic = true
				text, ok := sub.(string)
				if !ok {
					*errs = append(*errs, &TemplateError{at, fmt.Sprintf("the value of %q must be a string: a path or a call of an intrinsic function", field)})
					continue
				}
				x, err := Parse(text)
				if err != nil {
					*errs = append(*errs, &TemplateError{at, fmt.Sprintf("the value of %q is neither a path nor a call of an intrinsic function: %v", field, err)})
					continue
				}
				m.expression = x
			} else {
				m.sub = parseTemplate(sub, at, errs)
				dynamic = dynamic || m.sub.members != nil || m.sub.items != nil
			}
			t.members = append(t.members, m)
		}
		if !dynamic {
			return &Template{constant: v}
		}
		return t
	case []any:
		t := &Template{}
		dynamic := false
		for i, sub := range v {
			s := parseTemplate(sub, fmt.Sprintf("%s/%d", pointer, i), errs)
			dynamic = dynamic || s.members != nil || s.items != nil
			t.items = append(t.items, s)
		}
		if dynamic {
			return t
		}
	}
	return &Template{constant: v}
}

// FieldError is an expression of a template that failed.
type FieldError struct {
	Field, Expression string
	Err               error
}

func (e *FieldError) Error() string { return e.Err.Error() }

// Unwrap gives the *path.MissingError or *Error.
func (e *FieldError) Unwrap() error { return e.Err }

// Eval fills the template. The error is a *FieldError.
func (t *Template) Eval(e *Env) (any, error) {
	switch {
	case t.object:
		o := &value.Object{}
		for _, m := range t.members {
			var v any
			var err error
			if m.expression != nil {
				if v, err = m.expression.Eval(e); err != nil {
					err = &FieldError{m.field, m.expression.text, err}
				}
			} else {
				v, err = m.sub.Eval(e)
			}
			if err != nil {
				return nil, err
			}
			o.Set(m.name, v)
		}
		return o, nil
	case t.items != nil:
		list := make([]any, len(t.items))
		for i, sub := range t.items {
			v, err := sub.Eval(e)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	}
	return t.constant, nil
}

// Paths calls visit for every path in the template.
func (t *Template) Paths(visit func(*path.Path)) {
	if t == nil {
		return
	}
	for _, m := range t.members {
		if m.expression != nil {
			m.expression.Paths(visit)
		} else {
			m.sub.Paths(visit)
		}
	}
	for _, sub := range t.items {
		sub.Paths(visit)
	}
}
