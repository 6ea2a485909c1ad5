package local_test

import (
	"fmt"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/jsonata"
	"fnstore/kit/flow/local"
	"fnstore/kit/flow/value"
)

// A Task fails once, is tried again, and its canned result is the run's output.
func Example() {
	m, issues := definition.Parse([]byte(`{"StartAt": "Pay", "States": {"Pay": {
		"Type": "Task", "Resource": "process-payment", "End": true,
		"Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5}]}}}`), jsonata.Language{})
	if m == nil {
		fmt.Println(issues.Err())
		return
	}
	canned, err := value.Decode([]byte(`{"Pay": [{"Throw": {"Error": "Down"}}, {"Return": {"total": 100.10}}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	mocks, err := local.ParseMocks(canned)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := local.Run{Machine: m, Input: &value.Object{}, Answer: mocks.Answers()}.Do()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Execution.Status, value.Text(res.Execution.Output.Any), res.Delays)
	// Output: SUCCEEDED {"total":100.10} [5s]
}
