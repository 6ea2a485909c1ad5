package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const twoStates = `{
  "StartAt": "Charge",
  "States": {
    "Charge": {"Type": "Task", "Resource": "charge", "TimeoutSeconds": 5, "ResultPath": "$.charge", "Next": "Done"},
    "Done": {"Type": "Succeed"}
  }
}`

// workflowFiles writes a definition and canned results.
func workflowFiles(t *testing.T, definition string) (file, mocks string) {
	t.Helper()
	dir := t.TempDir()
	file, mocks = filepath.Join(dir, "order.asl.json"), filepath.Join(dir, "mocks.json")
	for name, text := range map[string]string{file: definition, mocks: `{"Charge": {"Return": {"id": 9007199254740993}}}`} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file, mocks
}

// Seed: R63
func TestWorkflow_Commands(t *testing.T) {
	file, mocks := workflowFiles(t, twoStates)
	for _, c := range []struct{ args, want string }{
		{"workflow validate " + file, "is valid"},
		{"workflow run --local " + file + " --input {\"a\":1} --mocks " + mocks, `SUCCEEDED {"a":1,"charge":{"id":9007199254740993}}`},
		{"workflow test " + file + " --state Charge --mocks " + mocks, `SUCCEEDED {"charge":{"id":9007199254740993}}`},
		{"workflow draw " + file, "flowchart TD"},
		{"workflow draw --format svg " + file, "</svg>"},
	} {
		var out strings.Builder
		if err := run(context.Background(), strings.Fields(c.args), strings.NewReader(""), &out); err != nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %v\n%s\nwant %s", c.args, err, out.String(), c.want)
		}
	}
}

func TestWorkflow_Refusals(t *testing.T) {
	file, mocks := workflowFiles(t, strings.Replace(twoStates, `"Next": "Done"`, `"Next": "Nowhere"`, 1))
	good, _ := workflowFiles(t, twoStates)
	for _, c := range []struct{ args, want string }{
		{"workflow validate " + file, `4:109: error: the next state "Nowhere" is not in States (MISSING_TRANSITION_TARGET at /States/Charge/Next)`},
		{"workflow test " + good + " --mocks " + mocks, ""},
		{"workflow run --local " + good, ""},
	} {
		var out strings.Builder
		if err := run(context.Background(), strings.Fields(c.args), strings.NewReader(""), &out); err == nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %v\n%s\nwant %s", c.args, err, out.String(), c.want)
		}
	}
}

// A Task's function must be in the stack file, if that is asked for.
func TestWorkflow_FunctionsOfTheStack(t *testing.T) {
	file, _ := workflowFiles(t, twoStates)
	for name, want := range map[string]string{"charge": "is valid", "other": `4:44: error: the state "Charge" calls the function "charge"`} {
		stack := filepath.Join(t.TempDir(), "stack.yml")
		if err := os.WriteFile(stack, []byte("version: 1.0\nprovider:\n  name: openfaas\nfunctions:\n  "+name+":\n    lang: golang-middleware\n    handler: ./"+name+"\n    image: "+name+":latest\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err := run(context.Background(), strings.Fields("workflow validate "+file+" --functions --stack "+stack), strings.NewReader(""), &out)
		if (err == nil) != (name == "charge") || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
}
