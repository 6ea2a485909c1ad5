package filter

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

func parseObject(members map[string]any, depth int, combinations *int) (rule, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("a filter policy is at most %d objects deep", maxDepth)
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("a filter policy names at least one attribute")
	}
	var every all
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch v := members[name].(type) {
		case []any:
			if name == "$or" {
				r, err := parseOr(v, depth, combinations)
				if err != nil {
					return nil, err
				}
				every = append(every, r)
				continue
			}
			r, err := parseList(name, v, combinations)
			if err != nil {
				return nil, err
			}
			every = append(every, r)
		case map[string]any:
			r, err := parseObject(v, depth+1, combinations)
			if err != nil {
				return nil, err
			}
			every = append(every, within{name, r})
		default:
			return nil, fmt.Errorf("%q: conditions are a list", name)
		}
	}
	return every, nil
}

func parseOr(list []any, depth int, combinations *int) (rule, error) {
	if len(list) < 2 {
		return nil, fmt.Errorf("$or has at least two policies")
	}
	var some anyOf
	for _, item := range list {
		members, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("$or is a list of policies")
		}
		r, err := parseObject(members, depth+1, combinations)
		if err != nil {
			return nil, err
		}
		some = append(some, r)
	}
	return some, nil
}

func parseList(name string, list []any, combinations *int) (rule, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("%q: the list of conditions is empty", name)
	}
	if *combinations *= len(list); *combinations > MaxCombinations {
		return nil, fmt.Errorf("a filter policy has at most %d combinations of conditions", MaxCombinations)
	}
	r := attribute{name: name}
	for _, item := range list {
		c, err := parseCondition(item)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		r.conditions = append(r.conditions, c)
	}
	return r, nil
}

func parseCondition(item any) (condition, error) {
	object, ok := item.(map[string]any)
	if !ok {
		return parseEqual(item)
	}
	if len(object) != 1 {
		return nil, fmt.Errorf("a condition has one operator")
	}
	for operator, v := range object {
		switch operator {
		case "exists":
			b, ok := v.(bool)
			if !ok {
				return nil, fmt.Errorf("exists is true or false")
			}
			return exists(b), nil
		case "anything-but":
			return parseAnythingBut(v)
		case "numeric":
			return parseNumeric(v)
		default:
			return parseText(operator, v)
		}
	}
	return nil, nil // one operator, so never here
}

func parseEqual(item any) (condition, error) {
	switch v := item.(type) {
	case json.Number:
		n, err := number(v)
		return equalNumber{n}, err
	case string, bool, nil:
		return equal{v}, nil
	}
	return nil, fmt.Errorf("a condition is a string, a number, true, false, null or an object")
}

func parseText(operator string, v any) (condition, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%s is followed by a string", operator)
	}
	switch operator {
	case "prefix":
		return text(func(x string) bool { return strings.HasPrefix(x, s) }), nil
	case "suffix":
		return text(func(x string) bool { return strings.HasSuffix(x, s) }), nil
	case "equals-ignore-case":
		return text(func(x string) bool { return strings.EqualFold(x, s) }), nil
	case "wildcard":
		if strings.Count(s, "*") > 3 || strings.Contains(s, "**") {
			return nil, fmt.Errorf("a wildcard has at most three *, none beside another")
		}
		return text(func(x string) bool { return wildcard(s, x) }), nil
	case "cidr":
		network, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("cidr: %w", err)
		}
		return text(func(x string) bool {
			a, err := netip.ParseAddr(x)
			return err == nil && network.Contains(a)
		}), nil
	}
	return nil, fmt.Errorf("there is no operator %q", operator)
}

// parseAnythingBut reads a value, a list of values, or one of the operators on
// text with a string or a list of them.
func parseAnythingBut(v any) (condition, error) {
	but := anythingBut{}
	add := func(c condition, err error) error { but = append(but, c); return err }
	switch v := v.(type) {
	case map[string]any:
		if len(v) != 1 {
			return nil, fmt.Errorf("anything-but has one operator")
		}
		for operator, operand := range v {
			list, ok := operand.([]any)
			if !ok {
				list = []any{operand}
			}
			for _, s := range list {
				if err := add(parseText(operator, s)); err != nil {
					return nil, err
				}
			}
		}
	case []any:
		for _, item := range v {
			if item == nil {
				return nil, fmt.Errorf("anything-but takes strings and numbers")
			}
			if err := add(parseEqual(item)); err != nil {
				return nil, err
			}
		}
	case nil:
		return nil, fmt.Errorf("anything-but takes strings and numbers")
	default:
		if err := add(parseEqual(v)); err != nil {
			return nil, err
		}
	}
	if len(but) == 0 {
		return nil, fmt.Errorf("the list of anything-but is empty")
	}
	return but, nil
}

func parseNumeric(v any) (condition, error) {
	list, ok := v.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return nil, fmt.Errorf(`numeric is a list such as ["=", 1] or [">", 0, "<=", 5]`)
	}
	var between numeric
	for i := 0; i < len(list); i += 2 {
		operator, _ := list[i].(string)
		digits, ok := list[i+1].(json.Number)
		if !ok {
			return nil, fmt.Errorf("numeric compares with a number")
		}
		n, err := number(digits)
		if err != nil {
			return nil, err
		}
		low, high := operator == ">" || operator == ">=", operator == "<" || operator == "<="
		if !low && !high && operator != "=" {
			return nil, fmt.Errorf("numeric knows =, <, <=, > and >=, and not %q", operator)
		}
		if len(list) == 4 && (i == 0 && !low || i == 2 && !high) {
			return nil, fmt.Errorf("a range is a lower bound and then an upper one")
		}
		between = append(between, bound{operator, n})
	}
	return between, nil
}
