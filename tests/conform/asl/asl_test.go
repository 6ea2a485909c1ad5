// Package asl runs definitions of state machines and compares what comes out
// with what AWS Step Functions gives. It knows nothing of how they are run.
package asl

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/jsonata"
	"fnstore/kit/flow/local"
	"fnstore/kit/flow/value"
)

// testCase is a line of a file of cases. Of what it does not name, nothing is
// expected.
type testCase struct {
	Name       string
	Definition value.JSON
	Input      *value.JSON
	Tasks      value.JSON
	Status     string
	Output     *value.JSON
	Error      string
	Cause      string
	Events     []string
	Invalid    string // the code of the issue for which the definition is refused
}

// long are texts such as "@x*270000", which stand for that many letters.
var long = regexp.MustCompile(`"@\w\*\d+"`)

// cases reads the files of cases that this project wrote.
func cases(t testing.TB) (list []testCase) {
	files, err := filepath.Glob("cases/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text = long.ReplaceAllFunc(text, func(m []byte) []byte {
			n, _ := strconv.Atoi(string(m[4 : len(m)-1]))
			return []byte(`"` + strings.Repeat(string(m[2]), n) + `"`)
		})
		var some []testCase
		if err := json.Unmarshal(text, &some); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for i := range some {
			some[i].Name = strings.TrimSuffix(filepath.Base(f), ".json") + "/" + some[i].Name
		}
		list = append(list, some...)
	}
	return list
}

func TestAsl_Cases(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			if complaint := c.check(); complaint != "" {
				t.Error(complaint)
			}
		})
	}
}

func (c testCase) check() string {
	m, issues := definition.Parse(value.Encode(c.Definition.Any), jsonata.Language{})
	if c.Invalid != "" {
		if m != nil || !slices.ContainsFunc(issues, func(i definition.Issue) bool { return !i.Warning && i.Code == c.Invalid }) {
			return fmt.Sprintf("not refused with %s: %v", c.Invalid, issues)
		}
		return ""
	}
	if m == nil {
		return issues.Err().Error()
	}
	mocks, err := local.ParseMocks(c.Tasks.Any)
	if err != nil {
		return err.Error()
	}
	run := local.Run{Machine: m, Input: &value.Object{}, Answer: mocks.Answers()}
	if c.Input != nil {
		run.Input = c.Input.Any
	}
	res, err := run.Do()
	if err != nil {
		return err.Error()
	}
	x := res.Execution
	if c.Status == "" {
		c.Status = "SUCCEEDED"
	}
	if string(x.Status) != c.Status {
		return fmt.Sprintf("ended %s (%s: %s), want %s", x.Status, x.Error, x.Cause, c.Status)
	}
	if c.Output != nil && value.Text(x.Output.Any) != value.Text(c.Output.Any) {
		return fmt.Sprintf("the output is\n     %s\nwant %s", value.Text(x.Output.Any), value.Text(c.Output.Any))
	}
	if c.Error != "" && x.Error != c.Error {
		return fmt.Sprintf("the error is %q (%s), want %q", x.Error, x.Cause, c.Error)
	}
	if c.Cause != "" && x.Cause != c.Cause {
		return fmt.Sprintf("the cause is\n     %q\nwant %q", x.Cause, c.Cause)
	}
	var events []string
	for _, h := range res.History {
		events = append(events, h.Type)
	}
	if c.Events != nil && !slices.Equal(events, c.Events) {
		return fmt.Sprintf("the events are\n     %s\nwant %s", strings.Join(events, " "), strings.Join(c.Events, " "))
	}
	return ""
}

// Every case, taken apart as JSON and put together between any two
// transitions, ends as it does in one go, history and all.
func TestCases_ResumeAtEveryStep(t *testing.T) {
	for _, c := range cases(t) {
		if c.Invalid != "" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) { resume(t, c) })
	}
}
