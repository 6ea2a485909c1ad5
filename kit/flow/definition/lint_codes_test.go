package definition_test

import (
	"slices"
	"testing"

	"fnstore/kit/flow/definition"
)

// Every trap is pointed out in a machine that is valid, and where it is.
func TestLint_Codes(t *testing.T) {
	for _, c := range []struct{ code, pointer, states string }{
		{definition.CatchNeverUsed, "/States/S/Catch/1/ErrorEquals/0", `"S": {"Type": "Task", "Resource": "f", "End": true, "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Z"}, {"ErrorEquals": ["Late"], "Next": "Z"}]}, "Z": {"Type": "Succeed"}`},
		{definition.CatchNeverUsed, "/States/S/Catch/0/ErrorEquals/0", `"S": {"Type": "Task", "Resource": "f", "End": true, "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Z"}]}, "Z": {"Type": "Succeed"}`},
		{definition.RetryBeforeCatch, "/States/S/Catch/0/ErrorEquals/0", `"S": {"Type": "Task", "Resource": "f", "End": true, "Retry": [{"ErrorEquals": ["States.ALL"]}], "Catch": [{"ErrorEquals": ["Declined"], "Next": "Z"}]}, "Z": {"Type": "Succeed"}`},
		{definition.RetryUnsafe, "/States/S/Retry/0", `"S": {"Type": "Task", "Resource": "f", "Comment": "Not idempotent", "End": true, "Retry": [{"ErrorEquals": ["States.ALL"]}]}`},
		{definition.ResultErased, "/States/S/Catch/0", `"S": {"Type": "Task", "Resource": "f", "End": true, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]}, "Z": {"Type": "Pass", "Parameters": {"x.$": "$.order"}, "End": true}`},
		{definition.ResultErased, "/States/B", `"S": {"Type": "Task", "Resource": "f", "ResultPath": "$.paid", "Next": "B"}, "B": {"Type": "Task", "Resource": "f", "Next": "Z"}, "Z": {"Type": "Pass", "Parameters": {"x.$": "$.paid"}, "End": true}`},
		{definition.NoCatch, "/States/Refund", `"S": {"Type": "Task", "Resource": "f", "Next": "Refund"}, "Refund": {"Type": "Task", "Resource": "f", "End": true}`},
		{definition.NoTimeout, "/States/S", `"S": {"Type": "Task", "Resource": "f", "End": true}`},
		{definition.NoDefault, "/States/S", `"S": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "Z"}]}, "Z": {"Type": "Succeed"}`},
	} {
		m, issues := definition.Parse([]byte(`{"StartAt": "S", "States": {`+c.states+`}}`), nil)
		if m == nil {
			t.Errorf("%s: %v", c.code, issues.Err())
			continue
		}
		if !slices.ContainsFunc(issues, func(i definition.Issue) bool {
			return i.Warning && i.Code == c.code && i.Pointer == c.pointer && i.Line > 0
		}) {
			t.Errorf("no warning %s at %s: %v", c.code, c.pointer, issues)
		}
	}
}
