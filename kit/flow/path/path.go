// Package path is JSONPath in the dialect of AWS Step Functions, which is that
// of the Jayway library: a definite path gives one value or fails, any other
// path gives the list of what matched. It does not know what a path is for.
package path

import (
	"fmt"

	"fnstore/kit/flow/value"
)

// Path is a path that was read. It can be used by many at once.
type Path struct {
	text     string
	root     string // "" is the input, "$" the context object, else a variable
	steps    []step
	definite bool
}

// step goes from one value to those below it.
type step interface {
	// apply adds what v has to out. It returns a *MissingError if the step asks
	// for one value and v has none.
	apply(v any, e *eval, out []any) ([]any, error)
	definite() bool
}

// eval is one use of a path.
type eval struct {
	root   any
	budget int
}

// maxVisits bounds the work of one path over one value.
const maxVisits = 2_000_000

func (e *eval) visit() error {
	if e.budget--; e.budget < 0 {
		return fmt.Errorf("the path visits more than %d values", maxVisits)
	}
	return nil
}

// Scope is what a path may begin with: "$" is the input, "$$" the context
// object, "$name" a variable.
type Scope struct {
	Input     any
	Context   func() any // may be nil
	Variables *value.Object
}

// String is the path as it was written.
func (p *Path) String() string { return p.text }

// Definite is true if the path asks for one value.
func (p *Path) Definite() bool { return p.definite }

// Root is "" of a path into the input, "$" of one into the context object, and
// else the name of a variable.
func (p *Path) Root() string { return p.root }

// MissingError is a path that asks for a value which is not there.
type MissingError struct{ Path, Reason string }

func (e *MissingError) Error() string { return e.Reason }

// Get evaluates the path. The error is a *MissingError if a definite path finds
// nothing.
func (p *Path) Get(s Scope) (any, error) {
	from := s.Input
	switch p.root {
	case "":
	case "$":
		from = nil
		if s.Context != nil {
			from = s.Context()
		}
	default:
		v, ok := s.Variables.Get(p.root)
		if !ok {
			return nil, &MissingError{p.text, "the variable '$" + p.root + "' is not assigned"}
		}
		from = v
	}
	return p.in(from)
}

func (p *Path) in(from any) (any, error) {
	e := &eval{root: from, budget: maxVisits}
	list, err := walk(p.steps, from, e)
	if err != nil {
		if m, ok := err.(*MissingError); ok && p.definite {
			m.Path = p.text
			return nil, m
		} else if !ok {
			return nil, err
		}
	}
	if !p.definite {
		if list == nil {
			list = []any{}
		}
		return list, nil
	}
	return list[0], nil
}

// walk applies the steps in turn. Behind a step that gives many, values without
// the next step are left out.
func walk(steps []step, from any, e *eval) ([]any, error) {
	list := []any{from}
	many := false
	for i, s := range steps {
		var next []any
		for _, v := range list {
			if err := e.visit(); err != nil {
				return nil, err
			}
			got, err := s.apply(v, e, next)
			if m, missing := err.(*MissingError); missing {
				if many {
					continue
				}
				m.explain(steps, i)
			}
			if err != nil {
				return nil, err
			}
			next = got
		}
		list = next
		many = many || !s.definite()
	}
	return list, nil
}

// explain says in Jayway's words where a definite path ended, if the step did
// not.
func (m *MissingError) explain(steps []step, at int) {
	if m.Reason != "" {
		return
	}
	m.Reason = "No results for path: $"
	if _, property := steps[at].(names); property && at < len(steps)-1 {
		m.Reason = "Missing property in path $"
	}
	for _, s := range steps[:at+1] {
		switch s := s.(type) {
		case names:
			m.Reason += "['" + s.list[0] + "']"
		case indexes:
			m.Reason += fmt.Sprintf("[%d]", s[0])
		}
	}
}
