package intrinsic_test

import (
	"math/rand/v2"
	"testing"

	"fnstore/kit/flow/intrinsic"
	"fnstore/kit/flow/path"
	"fnstore/kit/flow/value"
)

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"$.a", "States.Format('{} \\{ {}', $.a, 1)", "States.ArrayRange(1, 1000, 1)", "States.MathRandom(1, 5, 3)", "States.StringToJson('[1]')",
		"States.ArrayPartition(States.Array(1,2,3), 2)", "States.Hash('a','SHA-512')", "States.MathAdd(1.5, $.a[0])", "States.UUID()", "States.JsonMerge($, $, false)"} {
		f.Add(s, `{"a":[1,"x",null]}`)
	}
	f.Fuzz(func(t *testing.T, text, input string) {
		x, err := intrinsic.Parse(text)
		if err != nil {
			return
		}
		v, err := value.Decode([]byte(input))
		if err != nil {
			return
		}
		eval := func() string {
			got, err := x.Eval(&intrinsic.Env{Scope: path.Scope{Input: v}, Random: rand.New(rand.NewPCG(1, 2))})
			if err != nil {
				return "error: " + err.Error()
			}
			return value.Text(got)
		}
		if a, b := eval(), eval(); a != b {
			t.Errorf("%s gave %s and then %s", text, a, b)
		}
	})
}
