package jsonata

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/recolabs/gnata"

	"fnstore/kit/flow/intrinsic"
	"fnstore/kit/flow/query"
	"fnstore/kit/flow/value"
)

// function is what AWS adds under a name, or what it means here: $now, $millis
// and $random have the time and the random numbers of the step. It is nil for
// what the evaluator does itself.
func function(name string, e query.Env, m *meter) any {
	switch name {
	case "now":
		return own(func(args []any, _ any) (any, error) {
			if len(args) > 0 {
				return nil, errors.New("$now with a picture is not supported: use $fromMillis($millis(), picture)")
			}
			return e.Now.Format("2006-01-02T15:04:05.000Z"), nil
		})
	case "millis":
		return own(func([]any, any) (any, error) { return float64(e.Now.UnixMilli()), nil })
	case "random":
		return own(func(args []any, _ any) (any, error) {
			if len(args) > 0 {
				seed, ok := number(args[0])
				if !ok {
					return nil, errors.New("the seed of $random must be a number")
				}
				return rand.New(rand.NewPCG(math.Float64bits(seed), 0)).Float64(), nil
			}
			return e.Random.Float64(), nil
		})
	case "uuid":
		return own(func([]any, any) (any, error) { return intrinsic.UUID(e.Random), nil })
	case "partition":
		return own(partition)
	case "range":
		return own(numbers)
	case "hash":
		return own(hash)
	case "parse":
		return own(parse)
	case "eval":
		return own(func([]any, any) (any, error) { return nil, errors.New("the function $eval is not supported") })
	}
	if check := checks[name]; check != nil {
		return guarded(name, func(args []any) error { return check(m, args) })
	}
	return nil
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case fmt.Stringer: // json.Number
		f, ok := value.Whole(value.From(v))
		if ok {
			return float64(f), true
		}
		var d float64
		_, err := fmt.Sscan(n.String(), &d)
		return d, err == nil
	}
	return 0, false
}

// array is the elements of an array, or of a sequence.
func array(v any) ([]any, bool) {
	list := elements(v)
	return list, list != nil
}

func partition(args []any, _ any) (any, error) {
	if len(args) != 2 {
		return nil, errors.New("$partition takes an array and a size")
	}
	list, ok := array(args[0])
	size, isNumber := number(args[1])
	if !ok || !isNumber || size < 1 {
		return nil, errors.New("$partition takes an array and a positive size")
	}
	parts := []any{}
	for n := int(min(size, 1e9)); len(list) > 0; {
		k := min(n, len(list))
		parts, list = append(parts, list[:k:k]), list[k:]
	}
	return parts, nil
}

func numbers(args []any, _ any) (any, error) {
	if len(args) != 3 {
		return nil, errors.New("$range takes a first number, a last one and a step")
	}
	first, ok1 := number(args[0])
	last, ok2 := number(args[1])
	step, ok3 := number(args[2])
	if !ok1 || !ok2 || !ok3 || step == 0 {
		return nil, errors.New("$range takes three numbers, and the step must not be 0")
	}
	out := []any{}
	for i := first; step > 0 && i <= last || step < 0 && i >= last; i += step {
		if len(out) == intrinsic.MaxRange {
			return nil, fmt.Errorf("$range would give more than %d numbers", intrinsic.MaxRange)
		}
		out = append(out, i)
	}
	return out, nil
}

func hash(args []any, _ any) (any, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, errors.New("$hash takes a string and an algorithm")
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, errors.New("$hash takes a string")
	}
	algorithm := "SHA-1"
	if len(args) == 2 {
		if algorithm, ok = args[1].(string); !ok {
			return nil, errors.New("the algorithm of $hash must be a string")
		}
	}
	return intrinsic.Hash(s, algorithm)
}

// parse reads JSON text, in place of $eval.
func parse(args []any, _ any) (any, error) {
	if len(args) != 1 {
		return nil, errors.New("$parse takes a string")
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, errors.New("$parse takes a string")
	}
	return gnata.DecodeJSON([]byte(s))
}
