package intrinsic

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"fnstore/kit/flow/value"
)

// Limits of AWS.
const (
	MaxText  = 10_000 // characters that Base64Encode, Base64Decode and Hash take
	MaxRange = 1_000  // items that ArrayRange makes
)

type function struct {
	min, max int // arguments; max < 0 is any number
	run      func(e *Env, args []any) (any, error)
}

var functions = map[string]function{
	"States.Format":         {1, -1, format},
	"States.StringToJson":   {1, 1, stringToJSON},
	"States.JsonToString":   {1, 1, jsonToString},
	"States.Array":          {0, -1, func(_ *Env, a []any) (any, error) { return a, nil }},
	"States.ArrayPartition": {2, 2, arrayPartition},
	"States.ArrayContains":  {2, 2, arrayContains},
	"States.ArrayRange":     {3, 3, arrayRange},
	"States.ArrayGetItem":   {2, 2, arrayGetItem},
	"States.ArrayLength":    {1, 1, arrayLength},
	"States.ArrayUnique":    {1, 1, arrayUnique},
	"States.Base64Encode":   {1, 1, base64Encode},
	"States.Base64Decode":   {1, 1, base64Decode},
	"States.Hash":           {2, 2, hash},
	"States.JsonMerge":      {3, 3, jsonMerge},
	"States.MathRandom":     {2, 3, mathRandom},
	"States.MathAdd":        {2, 2, mathAdd},
	"States.StringSplit":    {2, 2, stringSplit},
	"States.UUID":           {0, 0, func(e *Env, _ []any) (any, error) { return UUID(e.Random), nil }},
}

// UUID is a random UUID (version 4, RFC 9562).
func UUID(r *rand.Rand) string {
	hi, lo := r.Uint64(), r.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

func list(v any) ([]any, error) {
	l, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("expected an array, not %s", value.Text(v))
	}
	return l, nil
}

func text(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("expected a string, not %s", value.Text(v))
	}
	return s, nil
}

// rounded is a number as a whole one: half goes up, as in Java's Math.round.
func rounded(v any) (int, error) {
	n, err := number(v)
	if err != nil {
		return 0, err
	}
	if i, ok := value.Whole(n); ok {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil || math.Abs(f) > 1<<53 {
		return 0, fmt.Errorf("the number %s is too large", n)
	}
	return int(math.Floor(f + 0.5)), nil
}

func arrayPartition(_ *Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	size, err := rounded(args[1])
	if err != nil {
		return nil, err
	}
	if size <= 0 {
		return nil, errors.New("the size of a part must be positive")
	}
	parts := []any{}
	for len(l) > 0 {
		n := min(size, len(l))
		parts, l = append(parts, append([]any{}, l[:n]...)), l[n:]
	}
	return parts, nil
}

func arrayContains(_ *Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	for _, e := range l {
		if value.Equal(e, args[1]) {
			return true, nil
		}
	}
	return false, nil
}

func arrayRange(_ *Env, args []any) (any, error) {
	var n [3]int
	for i, a := range args {
		var err error
		if n[i], err = rounded(a); err != nil {
			return nil, err
		}
	}
	first, last, step := n[0], n[1], n[2]
	if step == 0 {
		return nil, errors.New("the step must not be 0")
	}
	out := []any{}
	for i := first; step > 0 && i <= last || step < 0 && i >= last; i += step {
		if len(out) == MaxRange {
			return nil, fmt.Errorf("the array would have more than %d items", MaxRange)
		}
		out = append(out, value.Int(i))
	}
	return out, nil
}

func arrayGetItem(_ *Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	i, err := rounded(args[1])
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= len(l) {
		return nil, fmt.Errorf("the index %d is outside of the array of %d items", i, len(l))
	}
	return l[i], nil
}

func arrayLength(_ *Env, args []any) (any, error) {
	l, err := list(args[0])
	return value.Int(len(l)), err
}

func arrayUnique(_ *Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	out := []any{}
	seen := map[string]bool{}
next:
	for _, e := range l {
		switch e.(type) {
		case *value.Object, []any: // the order of members does not matter
			for _, o := range out {
				if value.Equal(o, e) {
					continue next
				}
			}
		default:
			if key := value.Text(e); seen[key] {
				continue next
			} else {
				seen[key] = true
			}
		}
		out = append(out, e)
	}
	return out, nil
}

func jsonMerge(_ *Env, args []any) (any, error) {
	a, okA := args[0].(*value.Object)
	b, okB := args[1].(*value.Object)
	if !okA || !okB {
		return nil, errors.New("expected two objects")
	}
	switch args[2] {
	case false:
	case true:
		return nil, errors.New("deep merging is not supported: the third argument must be false")
	default:
		return nil, errors.New("the third argument must be false")
	}
	merged := &value.Object{}
	for _, o := range []*value.Object{a, b} {
		for k, v := range o.All() {
			merged.Set(k, v)
		}
	}
	return merged, nil
}

// mathAdd adds whole numbers of 32 bits; others are rounded first.
func mathAdd(_ *Env, args []any) (any, error) {
	a, err := rounded(args[0])
	if err != nil {
		return nil, err
	}
	b, err := rounded(args[1])
	if err != nil {
		return nil, err
	}
	for _, n := range []int{a, b, a + b} {
		if n > math.MaxInt32 || n < math.MinInt32 {
			return nil, fmt.Errorf("%d is not between %d and %d", n, math.MinInt32, math.MaxInt32)
		}
	}
	return value.Int(a + b), nil
}

// mathRandom gives a whole number from the first up to and without the second.
// With a seed it gives the same number each time, but not the one of AWS.
func mathRandom(e *Env, args []any) (any, error) {
	from, err := rounded(args[0])
	if err != nil {
		return nil, err
	}
	to, err := rounded(args[1])
	if err != nil {
		return nil, err
	}
	r := e.Random
	if len(args) == 3 {
		seed, err := rounded(args[2])
		if err != nil {
			return nil, err
		}
		r = rand.New(rand.NewPCG(uint64(seed), 0))
	}
	if to <= from {
		return nil, errors.New("the end must be above the start")
	}
	return value.Int(from + int(r.Int64N(int64(to)-int64(from)))), nil
}

// stringSplit splits at every character of the second argument and leaves empty
// parts out.
func stringSplit(_ *Env, args []any) (any, error) {
	s, err := text(args[0])
	if err != nil {
		return nil, err
	}
	at, err := text(args[1])
	if err != nil {
		return nil, err
	}
	out := []any{}
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(at, r) }) {
		out = append(out, part)
	}
	return out, nil
}
