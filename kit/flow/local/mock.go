package local

import (
	"fmt"

	"fnstore/kit/flow"
	"fnstore/kit/flow/value"
)

// Mocks are canned answers by the name of the state. The last answer of a state
// is repeated.
type Mocks map[string][]Answer

// ParseMocks reads canned answers: an object of states, each with a list of
// {"Return": result}, {"Throw": {"Error": name, "Cause": text}} or
// {"Silent": true}.
func ParseMocks(v any) (Mocks, error) {
	o, ok := v.(*value.Object)
	if !ok && v != nil {
		return nil, fmt.Errorf("canned results are an object with the names of states")
	}
	m := Mocks{}
	for state, answers := range o.All() {
		list, ok := answers.([]any)
		if !ok {
			list = []any{answers}
		}
		for _, a := range list {
			entry, ok := a.(*value.Object)
			if !ok {
				return nil, fmt.Errorf(`%s: a canned result is an object with "Return", "Throw" or "Silent"`, state)
			}
			answer := Answer{}
			thrown, throws := entry.Get("Throw")
			result, returns := entry.Get("Return")
			silent, _ := entry.Get("Silent")
			switch t, isObject := thrown.(*value.Object); {
			case throws && isObject:
				answer.Error, answer.Cause = t.String("Error"), t.String("Cause")
			case returns:
				answer.Result = result
			case silent == true:
				answer.Silent = true
			default:
				return nil, fmt.Errorf(`%s: a canned result is an object with "Return", "Throw" or "Silent"`, state)
			}
			m[state] = append(m[state], answer)
		}
	}
	return m, nil
}

// Answers gives the canned answers in turn, to be used for one run.
func (m Mocks) Answers() func(flow.Task) (Answer, error) {
	used := map[string]int{}
	return func(t flow.Task) (Answer, error) {
		list := m[t.State]
		if len(list) == 0 {
			return Answer{}, fmt.Errorf("there is no canned result for the state %q", t.State)
		}
		i := min(used[t.State], len(list)-1)
		used[t.State]++
		return list[i], nil
	}
}
