package flow_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"fnstore/kit/flow"
	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/local"
	"fnstore/kit/flow/value"
)

// transitions runs a machine of n states in one go and reports the time and
// allocations of one transition.
func transitions(b *testing.B, m *definition.Machine, n int) {
	in := &flow.Interpreter{Machine: m, MaxTransitions: n + 1}
	input := value.NewObject("order", value.NewObject("id", "o-1"), "n", value.Int(5))
	random := rand.NewPCG(1, 2)
	b.ReportAllocs()
	for b.Loop() {
		x := flow.New("id", "run", input)
		if _, err := in.Step(x, flow.Start{}, local.Epoch, random); err != nil || x.Status != flow.Succeeded {
			b.Fatal(err, x.Status, x.Error, x.Cause)
		}
	}
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "transitions/s")
}

func chain(b *testing.B, n int, state string) *definition.Machine {
	var s strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&s, strings.ReplaceAll(state, "NEXT", fmt.Sprintf("s%d", i+1))+",", i)
	}
	return parse(b, fmt.Sprintf(`{"StartAt":"s0","States":{%s"s%d":{"Type":"Succeed"}}}`, s.String(), n-1))
}

func BenchmarkPass(b *testing.B) {
	transitions(b, chain(b, 100, `"s%d":{"Type":"Pass","Next":"NEXT"}`), 100)
}

func BenchmarkPassParameters(b *testing.B) {
	transitions(b, chain(b, 100, `"s%d":{"Type":"Pass","Parameters":{"id.$":"$.order.id"},"ResultPath":"$.p","Next":"NEXT"}`), 100)
}

func BenchmarkChoice(b *testing.B) {
	transitions(b, chain(b, 100, `"s%d":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThan":9,"Next":"NEXT"},{"Variable":"$.n","NumericEquals":5,"Next":"NEXT"}]}`), 100)
}

func BenchmarkJSONata(b *testing.B) {
	transitions(b, chain(b, 100, `"s%d":{"Type":"Pass","QueryLanguage":"JSONata","Output":{"n":"{%% $states.input.n %%}"},"Next":"NEXT"}`), 100)
}

func BenchmarkMap10000(b *testing.B) {
	m := parse(b, `{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"f","End":true}}},"End":true}}}`)
	items := make([]any, 10_000)
	for i := range items {
		items[i] = value.Int(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		res, err := local.Run{Machine: m, Input: items, MaxEvents: 100_000, Answer: func(t flow.Task) (local.Answer, error) { return local.Answer{Result: t.Input}, nil }}.Do()
		if err != nil || res.Execution.Status != flow.Succeeded {
			b.Fatal(err, res.Execution.Cause)
		}
	}
}
