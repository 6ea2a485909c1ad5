package flow_test

import (
	"encoding/json"
	"os"
	"testing"

	"fnstore/kit/flow"
	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/jsonata"
	"fnstore/kit/flow/local"
	"fnstore/kit/flow/value"
)

// Any definition is refused, or runs to an end, without a panic; a run that is
// saved and read between its steps ends in the same way.
func FuzzRun(f *testing.F) {
	order, err := os.ReadFile("testdata/order.asl.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(order), `{"order":{}}`)
	f.Add(`{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.l","ItemSelector":{"v.$":"States.Format('{}', $$.Map.Item.Value)"},"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}},"End":true}}}`, `{"l":[1,2]}`)
	f.Add(`{"QueryLanguage":"JSONata","StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.a = 1 %}","Next":"S"}],"Default":"S"},"S":{"Type":"Succeed"}}}`, `{"a":1}`)
	f.Add(`{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}},{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"f","End":true}}}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"F"}],"End":true},"F":{"Type":"Fail","Error":"E"}}}`, `{}`)
	f.Fuzz(func(t *testing.T, text, input string) {
		in, err := value.Decode([]byte(input))
		if err != nil || len(text)+len(input) > 5000 {
			return
		}
		m, issues := definition.Parse([]byte(text), jsonata.Language{})
		if m == nil {
			if issues.Err() == nil {
				t.Error("refused without a reason")
			}
			return
		}
		end := func(between func(*flow.Execution) (*flow.Execution, error)) string {
			n := 0
			res, err := local.Run{Machine: m, Input: in, MaxSteps: 400, MaxEvents: 200, MaxTransitions: 1, Between: between, Answer: func(flow.Task) (local.Answer, error) {
				if n++; n%2 == 1 {
					return local.Answer{Error: "E", Cause: "odd"}, nil
				}
				return local.Answer{Result: in}, nil
			}, Read: func(flow.ReadItems) ([]any, error) { return []any{in}, nil }}.Do()
			if err != nil {
				return "" // it waits for ever, or goes on for too long
			}
			x := res.Execution
			return string(x.Status) + value.Text(x.Output.Any) + x.Error + x.Cause
		}
		straight := end(nil)
		resumed := end(func(x *flow.Execution) (*flow.Execution, error) {
			saved, err := json.Marshal(x)
			if err != nil {
				return nil, err
			}
			var y flow.Execution
			return &y, json.Unmarshal(saved, &y)
		})
		if straight != resumed {
			t.Errorf("straight  %s\nresumed %s", straight, resumed)
		}
	})
}
