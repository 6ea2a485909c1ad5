// Package query is what a workflow needs of the language of its expressions
// between {% and %}: to compile one and to evaluate it. It does not know the
// language, which is JSONata (package jsonata).
package query

import (
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"fnstore/kit/flow/value"
)

// Language compiles expressions.
type Language interface {
	// Compile reads an expression. It refuses what cannot be evaluated.
	Compile(source string) (Expression, error)
}

// Expression is a compiled expression. It can be used by many at once.
type Expression interface {
	// Eval evaluates the expression. The error is ErrUndefined if the result is
	// nothing.
	Eval(Env) (any, error)
}

// Env is what an expression sees.
type Env struct {
	States    *value.Object // $states
	Variables *value.Object
	Now       time.Time
	Random    *rand.Rand
}

// ErrUndefined is an expression without a result.
var ErrUndefined = errors.New("returned nothing (undefined)")

// Template is JSON in which strings of the form {% … %} are expressions.
type Template struct {
	constant   any
	expression Expression
	source     string
	names      []string
	subs       []*Template
	object     bool
}

// TemplateError is an expression that cannot be compiled. Pointer tells where
// in the template (RFC 6901).
type TemplateError struct {
	Pointer string
	Err     error
}

func (e *TemplateError) Error() string { return e.Err.Error() }

// Source is the expression in a string of the form {% … %}.
func Source(s string) (string, bool) {
	if inner, ok := strings.CutPrefix(s, "{%"); ok {
		if inner, ok = strings.CutSuffix(inner, "%}"); ok {
			return strings.TrimSpace(inner), true
		}
	}
	return "", false
}

// Parse compiles a template. The errors are all that is wrong with it.
func Parse(l Language, v any) (*Template, []*TemplateError) {
	var errs []*TemplateError
	t := parse(l, v, "", &errs)
	return t, errs
}

func (t *Template) dynamic() bool { return t.expression != nil || t.subs != nil }

func parse(l Language, v any, pointer string, errs *[]*TemplateError) *Template {
	t := &Template{}
	dynamic := false
	add := func(name string, sub any) {
		s := parse(l, sub, pointer+"/"+value.Escape(name), errs)
		dynamic = dynamic || s.dynamic()
		t.names, t.subs = append(t.names, name), append(t.subs, s)
	}
	switch v := v.(type) {
	case string:
		trimmed := strings.TrimSpace(v)
		source, ok := Source(v)
		switch {
		case ok && l == nil:
			*errs = append(*errs, &TemplateError{pointer, errors.New("no language for expressions was given")})
		case ok:
			x, err := l.Compile(source)
			if err != nil {
				*errs = append(*errs, &TemplateError{pointer, err})
				break
			}
			return &Template{expression: x, source: source}
		case strings.HasPrefix(trimmed, "{%") || strings.HasSuffix(trimmed, "%}"):
			*errs = append(*errs, &TemplateError{pointer, errors.New("an expression begins with {% and ends with %}, without spaces around it")})
		}
	case *value.Object:
		t.object = true
		for name, sub := range v.All() {
			add(name, sub)
		}
	case []any:
		for i, sub := range v {
			add(string(value.Int(i)), sub)
		}
	}
	if dynamic {
		return t
	}
	return &Template{constant: v}
}

// FieldError is an expression of a template that failed.
type FieldError struct {
	Pointer string // in the template, with slashes; "" is the template itself
	Source  string
	Err     error
}

func (e *FieldError) Error() string { return e.Err.Error() }

// Unwrap gives the expression's error, which may be ErrUndefined.
func (e *FieldError) Unwrap() error { return e.Err }

// Constant is true if the template holds no expression.
func (t *Template) Constant() bool { return !t.dynamic() }

// Expression is the source if the whole template is one expression.
func (t *Template) Expression() string { return t.source }

// Expressions calls visit with every expression and where it is in the template
// (RFC 6901).
func (t *Template) Expressions(visit func(pointer, source string)) { t.each("", visit) }

func (t *Template) each(pointer string, visit func(pointer, source string)) {
	if t.expression != nil {
		visit(pointer, t.source)
	}
	for i, sub := range t.subs {
		sub.each(pointer+"/"+value.Escape(t.names[i]), visit)
	}
}

// Eval fills the template. The error is a *FieldError.
func (t *Template) Eval(e Env) (any, error) { return t.eval(e, "") }

func (t *Template) eval(e Env, pointer string) (any, error) {
	switch {
	case t.expression != nil:
		v, err := t.expression.Eval(e)
		if err != nil {
			return nil, &FieldError{pointer, t.source, err}
		}
		return v, nil
	case t.subs == nil:
		return t.constant, nil
	}
	o := &value.Object{}
	var list []any
	for i, sub := range t.subs {
		v, err := sub.eval(e, pointer+"/"+t.names[i])
		if err != nil {
			return nil, err
		}
		if t.object {
			o.Set(t.names[i], v)
		} else {
			list = append(list, v)
		}
	}
	if t.object {
		return o, nil
	}
	return list, nil
}
