package filter

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// all holds when each of its rules does.
type all []rule

func (a all) holds(m map[string]any) bool {
	for _, r := range a {
		if !r.holds(m) {
			return false
		}
	}
	return true
}

// anyOf holds when one of its rules does.
type anyOf []rule

func (a anyOf) holds(m map[string]any) bool {
	for _, r := range a {
		if r.holds(m) {
			return true
		}
	}
	return false
}

// within is a rule on the members of a member. A list holds when one of its
// objects does.
type within struct {
	name string
	rule rule
}

func (w within) holds(m map[string]any) bool {
	switch v := m[w.name].(type) {
	case map[string]any:
		return w.rule.holds(v)
	case []any:
		for _, item := range v {
			if o, ok := item.(map[string]any); ok && w.rule.holds(o) {
				return true
			}
		}
		return false
	}
	// What is not there has no members, which is what "exists": false asks for.
	return w.rule.holds(nil)
}

// attribute holds when one of its conditions does, for the value or for one of
// a list of values.
type attribute struct {
	name       string
	conditions []condition
}

func (a attribute) holds(m map[string]any) bool {
	v, there := m[a.name]
	for _, c := range a.conditions {
		if e, ok := c.(exists); ok {
			if bool(e) == there {
				return true
			}
			continue
		}
		if !there {
			continue
		}
		if list, ok := v.([]any); ok {
			if c.ofList(list) {
				return true
			}
			continue
		}
		if c.of(v) {
			return true
		}
	}
	return false
}

// condition holds of a value.
type condition interface {
	of(v any) bool
	ofList(list []any) bool
}

type exists bool

func (exists) of(any) bool       { return false } // attribute looks itself
func (exists) ofList([]any) bool { return false }

type equal struct{ v any }

func (e equal) of(v any) bool {
	switch v.(type) {
	case string, bool, nil:
		return v == e.v
	}
	return false
}
func (e equal) ofList(list []any) bool { return some(e, list) }

type equalNumber struct{ n *big.Rat }

func (e equalNumber) of(v any) bool {
	n, err := number(v)
	return err == nil && n.Cmp(e.n) == 0
}
func (e equalNumber) ofList(list []any) bool { return some(e, list) }

type text func(string) bool

func (t text) of(v any) bool {
	s, ok := v.(string)
	return ok && t(s)
}
func (t text) ofList(list []any) bool { return some(t, list) }

type bound struct {
	operator string
	n        *big.Rat
}

type numeric []bound

func (c numeric) of(v any) bool {
	n, err := number(v)
	if err != nil {
		return false
	}
	for _, b := range c {
		order := n.Cmp(b.n)
		ok := false
		switch b.operator {
		case "=":
			ok = order == 0
		case "<":
			ok = order < 0
		case "<=":
			ok = order <= 0
		case ">":
			ok = order > 0
		case ">=":
			ok = order >= 0
		}
		if !ok {
			return false
		}
	}
	return true
}
func (c numeric) ofList(list []any) bool { return some(c, list) }

// anythingBut holds of what none of its conditions holds of. Of a list it holds
// when no value of the list is one of those named.
type anythingBut []condition

func (a anythingBut) of(v any) bool {
	for _, c := range a {
		if c.of(v) {
			return false
		}
	}
	return true
}

func (a anythingBut) ofList(list []any) bool {
	for _, v := range list {
		if !a.of(v) {
			return false
		}
	}
	return true
}

func some(c condition, list []any) bool {
	for _, v := range list {
		if c.of(v) {
			return true
		}
	}
	return false
}

// number reads an exact number; large exponents are refused, since they would
// take memory.
func number(v any) (*big.Rat, error) {
	var digits string
	switch v := v.(type) {
	case json.Number:
		digits = v.String()
	case float64:
		digits = fmt.Sprint(v)
	case int:
		digits = fmt.Sprint(v)
	default:
		return nil, fmt.Errorf("%v is no number", v)
	}
	if len(digits) > 64 {
		return nil, fmt.Errorf("a number has at most 64 digits")
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(digits), "e"); ok && len(strings.TrimLeft(exponent, "+-0")) > 2 {
		return nil, fmt.Errorf("the number %s is out of range", digits)
	}
	n, ok := new(big.Rat).SetString(digits)
	if !ok {
		return nil, fmt.Errorf("%s is no number", digits)
	}
	return n, nil
}

// wildcard reports whether * in the pattern can stand for parts of s so that
// both are equal.
func wildcard(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
