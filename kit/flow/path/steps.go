package path

import (
	"fmt"
	"slices"

	"fnstore/kit/flow/value"
)

// names is .a, ['a'] or ['a','b'].
type names struct {
	list []string
	last bool
}

func (s names) definite() bool { return len(s.list) == 1 || s.last }

func (s names) apply(v any, e *eval, out []any) ([]any, error) {
	o, ok := v.(*value.Object)
	if !ok {
		return out, &MissingError{Reason: "Expected to find an object with property ['" + s.list[0] + "'] but found '" + value.Kind(v) + "'"}
	}
	if len(s.list) == 1 {
		got, ok := o.Get(s.list[0])
		if !ok {
			return out, &MissingError{}
		}
		return append(out, got), nil
	}
	merged := &value.Object{}
	for _, name := range s.list {
		if got, ok := o.Get(name); ok {
			if !s.last {
				out = append(out, got)
			}
			merged.Set(name, got)
		}
	}
	if s.last {
		out = append(out, merged)
	}
	return out, nil
}

// indexes is [0], [-1] or [0,2].
type indexes []int

func (s indexes) definite() bool { return len(s) == 1 }

func (s indexes) apply(v any, e *eval, out []any) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		return out, &MissingError{Reason: fmt.Sprintf("Filter: [%d] can only be applied to arrays. Current context is: %s", s[0], value.Text(v))}
	}
	for _, i := range s {
		at := i
		if at < 0 {
			at += len(list)
		}
		if at < 0 || at >= len(list) {
			if len(s) == 1 {
				return out, &MissingError{}
			}
			continue
		}
		out = append(out, list[at])
	}
	return out, nil
}

// slice is [from:to]. A step as in Python is not part of the dialect.
type slice struct{ from, to *int }

func (slice) definite() bool { return false }

func (s slice) apply(v any, e *eval, out []any) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		return out, nil
	}
	place := func(p *int, otherwise int) int {
		if p == nil {
			return otherwise
		}
		if *p < 0 {
			return max(0, len(list)+*p)
		}
		return min(*p, len(list))
	}
	from, to := place(s.from, 0), place(s.to, len(list))
	if from < to {
		out = append(out, list[from:to]...)
	}
	return out, nil
}

// all is .* or [*].
type all struct{}

func (all) definite() bool { return false }

func (all) apply(v any, e *eval, out []any) ([]any, error) {
	return append(out, children(v)...), nil
}

func children(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case *value.Object:
		list := make([]any, 0, v.Len())
		for _, c := range v.All() {
			list = append(list, c)
		}
		return list
	}
	return nil
}

// deep is .. before another step: it applies the step here and at everything
// below.
type deep struct{ then step }

func (deep) definite() bool { return false }

func (s deep) apply(v any, e *eval, out []any) ([]any, error) {
	if err := e.visit(); err != nil {
		return nil, err
	}
	got, err := s.then.apply(v, e, out)
	if _, missing := err.(*MissingError); err != nil && !missing {
		return nil, err
	}
	if err == nil {
		out = got
	}
	for _, c := range children(v) {
		if out, err = s.apply(c, e, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// filter is [?(…)].
type filter struct{ test condition }

func (filter) definite() bool { return false }

func (s filter) apply(v any, e *eval, out []any) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		if _, object := v.(*value.Object); !object {
			return out, nil
		}
		list = []any{v}
	}
	for _, item := range list {
		if err := e.visit(); err != nil {
			return nil, err
		}
		yes, err := s.test.holds(item, e)
		if err != nil {
			return nil, err
		}
		if yes {
			out = append(out, item)
		}
	}
	return out, nil
}

// length is .length(), the only function that paths have here.
type length struct{}

func (length) definite() bool { return true }

func (length) apply(v any, e *eval, out []any) ([]any, error) {
	switch v := v.(type) {
	case []any:
		return append(out, value.Int(len(v))), nil
	case *value.Object:
		return append(out, value.Int(v.Len())), nil
	case string:
		return append(out, value.Int(len([]rune(v)))), nil
	}
	return out, &MissingError{Reason: "length() of a value that has none"}
}

// Reference is true if the path names one place by names and indexes alone, as
// ResultPath must.
func (p *Path) Reference() bool {
	return !slices.ContainsFunc(p.steps, func(s step) bool {
		switch s := s.(type) {
		case names:
			return len(s.list) != 1
		case indexes:
			return len(s) != 1 || s[0] < 0
		}
		return true
	})
}

// Set is a copy of root in which the place that a reference path names holds v.
// Objects on the way are made where they are missing; lists are not.
func (p *Path) Set(root, v any) (any, error) { return set(p.steps, root, v) }

func set(steps []step, at, v any) (any, error) {
	if len(steps) == 0 {
		return v, nil
	}
	switch s := steps[0].(type) {
	case names:
		o, ok := at.(*value.Object)
		if at == nil {
			o, ok = &value.Object{}, true
		}
		if !ok {
			//lint:ignore ST1005 AWS' own words
			return nil, fmt.Errorf("Unable to apply step \"%s\" to input %s", s.list[0], value.Text(at))
		}
		below, _ := o.Get(s.list[0])
		below, err := set(steps[1:], below, v)
		if err != nil {
			return nil, err
		}
		return o.With(s.list[0], below), nil
	case indexes:
		list, ok := at.([]any)
		if !ok || s[0] >= len(list) {
			//lint:ignore ST1005 AWS' own words
			return nil, fmt.Errorf("Unable to apply step \"[%d]\" to input %s", s[0], value.Text(at))
		}
		below, err := set(steps[1:], list[s[0]], v)
		if err != nil {
			return nil, err
		}
		list = slices.Clone(list)
		list[s[0]] = below
		return list, nil
	}
	return nil, fmt.Errorf("the path is not a reference path")
}
