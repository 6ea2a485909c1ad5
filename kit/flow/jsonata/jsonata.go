// Package jsonata evaluates the JSONata expressions of workflows, with the
// functions that AWS adds and without those that it removes. The evaluator is
// github.com/recolabs/gnata; nothing else knows it. Arithmetic is that of
// JSONata, in double precision; numbers that an expression only passes on keep
// their text.
package jsonata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/recolabs/gnata"

	"fnstore/kit/flow/query"
	"fnstore/kit/flow/value"
)

// MaxLength is how long an expression may be, in bytes.
const MaxLength = 100_000

// DefaultTimeout ends an expression that does not end by itself. Recursion ends
// at a depth of 100 before that.
const DefaultTimeout = 5 * time.Second

// Language compiles JSONata. The zero Language is ready to use.
type Language struct{}

// special are functions that AWS adds or removes, or that need the time or
// random numbers.
var special = regexp.MustCompile(`\$(now|millis|random|uuid|partition|range|hash|parse|eval)\b`)

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
	return &expression{x, special.MatchString(source)}, nil
}

type expression struct {
	compiled *gnata.Expression
	special  bool
}

// Eval evaluates the expression.
func (x *expression) Eval(e query.Env) (any, error) {
	vars := map[string]any{}
	for name, v := range e.Variables.All() {
		vars[name] = inner(v)
	}
	if e.States != nil {
		vars["states"] = inner(e.States)
	}
	ctx, cancel := context.WithTimeout(context.Background(), DefaultTimeout)
	defer cancel()
	var got any
	var err error
	if x.special {
		env := gnata.NewCustomEnv(functions(e))
		for name, v := range vars {
			env.Bind(name, v)
		}
		got, err = x.compiled.EvalWithCustomFuncs(ctx, nil, env)
	} else {
		got, err = x.compiled.EvalWithVars(ctx, nil, vars)
	}
	switch {
	case err != nil:
		return nil, err
	case gnata.IsNull(got):
		return nil, nil
	case got == nil:
		return nil, query.ErrUndefined
	}
	return outer(got)
}

// inner is a value as the evaluator has it.
func inner(v any) any {
	got, err := gnata.DecodeJSON(value.Encode(v))
	if err != nil {
		return nil
	}
	return got
}

// outer is a result as a value. A function is none.
func outer(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("the result is not JSON: %w", err)
	}
	return value.Decode(text)
}
