// Package jsonata evaluates the JSONata expressions of workflows, with the
// functions that AWS adds and without those that it removes. The evaluator is
// github.com/recolabs/gnata; nothing else knows it. Arithmetic is that of
// JSONata, in double precision; numbers that an expression only passes on keep
// their text.
package jsonata

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/recolabs/gnata"

	"fnstore/kit/flow/query"
	"fnstore/kit/flow/value"
)

// MaxLength is how long an expression may be, in bytes.
const MaxLength = 100_000

// Language compiles JSONata. The zero Language is ready to use.
type Language struct{}

var evalCall = regexp.MustCompile(`\$eval\b`)

// maxNesting bounds brackets in an expression: its parser is recursive.
const maxNesting = 200

// Compile reads an expression.
func (Language) Compile(source string) (query.Expression, error) {
	if len(source) > MaxLength {
		return nil, fmt.Errorf("the expression is longer than %d bytes", MaxLength)
	}
	if source == "" {
		return nil, errors.New("the expression is empty")
	}
	depth := 0
	for _, c := range source {
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		if depth > maxNesting {
			return nil, fmt.Errorf("the expression is nested deeper than %d", maxNesting)
		}
	}
	if evalCall.MatchString(source) {
		return nil, errors.New("the function $eval is not supported")
	}
	x, err := gnata.Compile(source)
	if err != nil {
		return nil, err
	}
	return &expression{x, mentioned(source), strings.Contains(source, "&")}, nil
}

var (
	variable = regexp.MustCompile(`\$([\p{L}_][\p{L}\p{N}_]*)`)
	member   = regexp.MustCompile(`\$states\b(?:\s*\.\s*([A-Za-z]+)\b)?`)
)

// mentioned are the variables and members of $states ("states.input") in an
// expression; "states" itself is there if all members may be read. What is not
// mentioned need not be made ready.
func mentioned(source string) map[string]bool {
	names := map[string]bool{}
	for _, m := range variable.FindAllStringSubmatch(source, -1) {
		if m[1] != "states" {
			names[m[1]] = true
		}
	}
	for _, m := range member.FindAllStringSubmatch(source, -1) {
		if m[1] == "" {
			names["states"] = true
		} else {
			names["states."+m[1]] = true
		}
	}
	return names
}

type expression struct {
	compiled *gnata.Expression
	names    map[string]bool
	joins    bool // strings
}

// Eval evaluates the expression.
func (x *expression) Eval(e query.Env) (any, error) {
	vars := map[string]any{}
	for name, v := range e.Variables.All() {
		if x.names[name] {
			vars[name] = inner(v)
		}
	}
	states := &value.Object{}
	for name, v := range e.States.All() {
		if x.names["states"] || x.names["states."+name] {
			states.Set(name, v)
		}
	}
	if e.States != nil {
		vars["states"] = inner(states)
	}
	m := newMeter(x.joins)
	for name := range x.names {
		if f := function(name, e, m); f != nil {
			if _, taken := vars[name]; !taken {
				vars[name] = f
			}
		}
	}
	return m.bounded(func() (any, error) {
		got, err := x.compiled.EvalWithVars(m, nil, vars)
		switch {
		case err != nil:
			return nil, err
		case gnata.IsNull(got):
			return nil, nil
		case got == nil:
			return nil, query.ErrUndefined
		}
		if _, err := m.weigh(got); err != nil {
			return nil, err
		}
		return outer(got)
	})
}

// inner is a value as the evaluator has it.
func inner(v any) any {
	got, err := gnata.DecodeJSON(value.Encode(v))
	if err != nil {
		return nil
	}
	return got
}

// ordered is what the evaluator's own objects can do.
type ordered interface {
	Keys() []string
	Get(string) (any, bool)
}

// outer is a result as a value. A function is none.
func outer(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, json.Number:
		return v, nil
	case float64:
		return value.Float(v), nil
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			var err error
			if list[i], err = outer(e); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		return outerObject(slices.Sorted(maps.Keys(v)), func(k string) (any, bool) { return v[k], true })
	case ordered:
		return outerObject(v.Keys(), v.Get)
	}
	if gnata.IsNull(v) {
		return nil, nil
	}
	switch n := gnata.NormalizeValue(v).(type) { // a sequence within the result
	case []any, map[string]any:
		return outer(n)
	}
	return nil, errors.New("the result is a function, which is not JSON")
}

func outerObject(keys []string, get func(string) (any, bool)) (any, error) {
	o := &value.Object{}
	for _, k := range keys {
		v, _ := get(k)
		sub, err := outer(v)
		if err != nil {
			return nil, err
		}
		o.Set(k, sub)
	}
	return o, nil
}
