package asl

import (
	"encoding/json"
	"reflect"
	"testing"

	"fnstore/kit/flow"
	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/jsonata"
	"fnstore/kit/flow/local"
	"fnstore/kit/flow/value"
)

// resume runs a case straight, and with a copy of the execution through JSON
// and the definition read anew between any two transitions.
func resume(t *testing.T, c testCase) {
	text := value.Encode(c.Definition.Any)
	do := func(between func(*flow.Execution) (*flow.Execution, error)) *local.Result {
		m, issues := definition.Parse(text, jsonata.Language{})
		if m == nil {
			t.Fatal(issues.Err())
		}
		mocks, err := local.ParseMocks(c.Tasks.Any)
		if err != nil {
			t.Fatal(err)
		}
		run := local.Run{Machine: m, Input: &value.Object{}, Answer: mocks.Answers(), MaxTransitions: 1, Between: between}
		if c.Input != nil {
			run.Input = c.Input.Any
		}
		res, err := run.Do()
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	copies := 0
	straight := do(nil)
	resumed := do(func(x *flow.Execution) (*flow.Execution, error) {
		copies++
		saved, err := json.Marshal(x)
		if err != nil {
			return nil, err
		}
		var y flow.Execution
		err = json.Unmarshal(saved, &y)
		return &y, err
	})
	a, b := outcome(t, straight), outcome(t, resumed)
	if !reflect.DeepEqual(a, b) {
		t.Errorf("after %d copies the run is another:\n%s\n%s", copies, a, b)
	}
}

func outcome(t *testing.T, r *local.Result) string {
	text, err := json.Marshal(struct {
		Status  flow.Status
		Output  value.JSON
		Error   string
		Cause   string
		History []flow.History
		Tasks   int
	}{r.Execution.Status, r.Execution.Output, r.Execution.Error, r.Execution.Cause, r.History, len(r.Tasks)})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
