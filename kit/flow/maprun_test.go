package flow_test

import (
	"regexp"
	"strings"
	"testing"

	"fnstore/kit/flow"
	"fnstore/kit/flow/local"
	"fnstore/kit/flow/value"
)

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// The files, their manifest and the state's result are as AWS writes them.
func TestResultWriter_Manifest(t *testing.T) {
	m := parse(t, `{"StartAt":"M","States":{"M":{"Type":"Map","Label":"Orders","ToleratedFailureCount":1,
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"A","States":{"A":{"Type":"Task","Resource":"f","End":true}}},
		"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out","Prefix":"jobs"}},"End":true}}}`)
	n := 0
	res, err := local.Run{Machine: m, Input: []any{"a", "b", "c"}, Answer: func(task flow.Task) (local.Answer, error) {
		if n++; n == 2 {
			return local.Answer{Error: "Boom", Cause: "no"}, nil
		}
		return local.Answer{Result: task.Input}, nil
	}}.Do()
	if err != nil || res.Execution.Status != flow.Succeeded {
		t.Fatal(err, res.Execution.Error, res.Execution.Cause)
	}
	if got, want := uuids.ReplaceAllString(value.Text(res.Execution.Output.Any), "UUID"), `{"MapRunArn":"machine:mapRun:machine/Orders:UUID","ResultWriterDetails":{"Bucket":"out","Key":"jobs/UUID/manifest.json"}}`; got != want {
		t.Errorf("the result is %s\nwant %s", got, want)
	}
	want := []flow.File{
		{Key: "jobs/UUID/FAILED_0.json", Body: `[{"ExecutionArn":"machine:execution:machine/Orders:UUID","Input":"\"b\"","InputDetails":{"Included":true},"Name":"UUID","Error":"Boom","Cause":"no","RedriveCount":0,"RedriveStatus":"REDRIVABLE_BY_MAP_RUN","StartDate":"2026-01-01T00:00:00.000Z","StateMachineArn":"machine:stateMachine:machine/Orders","Status":"FAILED","StopDate":"2026-01-01T00:00:00.000Z"}]`},
		{Key: "jobs/UUID/SUCCEEDED_0.json", Body: "*"},
		{Key: "jobs/UUID/manifest.json", Body: `{"DestinationBucket":"out","MapRunArn":"machine:mapRun:machine/Orders:UUID","ResultFiles":{"FAILED":[{"Key":"jobs/UUID/FAILED_0.json","Size":N}],"PENDING":[],"SUCCEEDED":[{"Key":"jobs/UUID/SUCCEEDED_0.json","Size":N}]}}`},
	}
	if len(res.Files) != len(want) {
		t.Fatal(res.Files)
	}
	for i, f := range res.Files {
		key := uuids.ReplaceAllString(f.Key, "UUID")
		body := regexp.MustCompile(`"Size":\d+`).ReplaceAllString(uuids.ReplaceAllString(f.Body, "UUID"), `"Size":N`)
		if key != want[i].Key || want[i].Body != "*" && body != want[i].Body {
			t.Errorf("file %s\n     %s\nwant %s\n     %s", key, body, want[i].Key, want[i].Body)
		}
	}
	if strings.Count(res.Files[1].Body, `"Status":"SUCCEEDED"`) != 2 {
		t.Error(res.Files[1].Body)
	}
}

// A Map that fails too often writes what there is, with the items that were not
// begun, before it fails.
func TestResultWriter_BeforeFailure(t *testing.T) {
	m := parse(t, `{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"A","States":{"A":{"Type":"Task","Resource":"f","End":true}}},
		"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out"},"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSONL"}},"End":true}}}`)
	n := 0
	res, err := local.Run{Machine: m, Input: []any{"a", "b", "c"}, Answer: func(task flow.Task) (local.Answer, error) {
		if n++; n == 2 {
			return local.Answer{Error: "Boom"}, nil
		}
		return local.Answer{Result: task.Input}, nil
	}}.Do()
	if err != nil {
		t.Fatal(err)
	}
	x := res.Execution
	if x.Status != flow.Failed || x.Error != "States.ExceedToleratedFailureThreshold" {
		t.Error(x.Status, x.Error, x.Cause)
	}
	var keys []string
	for _, f := range res.Files {
		keys = append(keys, f.Key[strings.LastIndexByte(f.Key, '/')+1:])
	}
	if got := strings.Join(keys, " "); got != "FAILED_0.jsonl PENDING_0.jsonl SUCCEEDED_0.jsonl manifest.json" {
		t.Fatal(got)
	}
	if res.Files[2].Body != "\"a\"\n" || !strings.Contains(res.Files[1].Body, `"Status":"PENDING"`) {
		t.Error(res.Files)
	}
}
