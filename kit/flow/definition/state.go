package definition

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"fnstore/kit/flow/value"
)

// types that a field belongs to, and the language that it needs ("" is both).
type allowed struct{ types, language string }

const flowing = "Pass Task Wait Parallel Map"

var fields = map[string]allowed{
	"Type":          {"", ""},
	"Comment":       {"", ""},
	"QueryLanguage": {"", ""},
	"InputPath":     {flowing + " Choice Succeed", "JSONPath"},
	"OutputPath":    {flowing + " Choice Succeed", "JSONPath"},
	"Output":        {flowing + " Choice Succeed", "JSONata"},
	"Assign":        {flowing + " Choice", ""},
	"Next":          {flowing, ""},
	"End":           {flowing, ""},

	"Parameters":     {"Pass Task Parallel Map", "JSONPath"},
	"Arguments":      {"Task Parallel", "JSONata"},
	"ResultSelector": {"Task Parallel Map", "JSONPath"},
	"ResultPath":     {"Pass Task Parallel Map", "JSONPath"},
	"Retry":          {"Task Parallel Map", ""},
	"Catch":          {"Task Parallel Map", ""},

	"Result":               {"Pass", "JSONPath"},
	"Resource":             {"Task", ""},
	"Credentials":          {"Task", ""},
	"TimeoutSeconds":       {"Task", ""},
	"TimeoutSecondsPath":   {"Task", "JSONPath"},
	"HeartbeatSeconds":     {"Task", ""},
	"HeartbeatSecondsPath": {"Task", "JSONPath"},

	"Choices":       {"Choice", ""},
	"Default":       {"Choice", ""},
	"Seconds":       {"Wait", ""},
	"SecondsPath":   {"Wait", "JSONPath"},
	"Timestamp":     {"Wait", ""},
	"TimestampPath": {"Wait", "JSONPath"},
	"Error":         {"Fail", ""},
	"ErrorPath":     {"Fail", "JSONPath"},
	"Cause":         {"Fail", ""},
	"CausePath":     {"Fail", "JSONPath"},

	"Branches":                       {"Parallel", ""},
	"Iterator":                       {"Map", ""},
	"ItemProcessor":                  {"Map", ""},
	"ItemSelector":                   {"Map", ""},
	"ItemsPath":                      {"Map", "JSONPath"},
	"Items":                          {"Map", "JSONata"},
	"ItemReader":                     {"Map", ""},
	"ItemBatcher":                    {"Map", ""},
	"ResultWriter":                   {"Map", ""},
	"Label":                          {"Map", ""},
	"MaxConcurrency":                 {"Map", ""},
	"MaxConcurrencyPath":             {"Map", "JSONPath"},
	"ToleratedFailureCount":          {"Map", ""},
	"ToleratedFailureCountPath":      {"Map", "JSONPath"},
	"ToleratedFailurePercentage":     {"Map", ""},
	"ToleratedFailurePercentagePath": {"Map", "JSONPath"},
}

// Types are the types of states.
var types = []string{"Task", "Pass", "Choice", "Wait", "Parallel", "Map", "Succeed", "Fail"}

func (p *parser) state(n node, name, language string) *State {
	outer := p.jsonata
	defer func() { p.jsonata = outer }()
	language = p.chooseLanguage(n, language)
	p.jsonata = language == "JSONata"
	s := &State{Name: name, Comment: p.str(n, "Comment", false), JSONata: p.jsonata, Type: p.str(n, "Type", true)}
	if p.pointers == nil {
		p.pointers = map[*State]string{}
	}
	p.pointers[s] = n.pointer
	if !slices.Contains(types, s.Type) {
		if s.Type != "" {
			p.say(Schema, n.at("Type"), "Type must be one of %s", strings.Join(types, ", "))
		}
		return s
	}
	p.fields(n, s)
	if strings.Contains(flowing, s.Type) {
		p.next(n, s)
	}
	s.InputPath = p.path(n, "InputPath", false)
	s.OutputPath = p.path(n, "OutputPath", false)
	s.ResultPath = p.path(n, "ResultPath", true)
	if s.Type == "Task" || s.Type == "Parallel" || s.Type == "Map" {
		p.extra = "result"
	}
	s.Output, s.Assign = p.value(n, "Output"), p.assign(n)
	p.extra = ""
	s.ResultSelector = p.value(n, "ResultSelector")
	if s.Payload = p.value(n, "Parameters"); s.Payload == nil {
		s.Payload = p.value(n, "Arguments")
	}
	s.Retry, s.Catch = p.retriers(n), p.catchers(n)
	switch s.Type {
	case "Pass":
		s.Result, s.HasResult = n.Get("Result")
	case "Task":
		p.task(n, s)
	case "Choice":
		p.choices(n, s)
	case "Wait":
		p.wait(n, s)
	case "Fail":
		s.Error, s.Cause = p.scalar(n, "Error", isString), p.scalar(n, "Cause", isString)
	case "Parallel":
		p.branches(n, s, language)
	case "Map":
		p.mapState(n, s, language)
	}
	return s
}

func (p *parser) fields(n node, s *State) {
	for field := range n.All() {
		a, known := fields[field]
		switch {
		case !known || a.types != "" && !slices.Contains(strings.Fields(a.types), s.Type):
			p.say(Schema, n.at(field), "the field %q is not supported in a %s state", field, s.Type)
		case a.language == "JSONPath" && p.jsonata, a.language == "JSONata" && !p.jsonata:
			p.say(Schema, n.at(field), "the field %q is of the query language %s, which is not that of this state", field, a.language)
		}
	}
}

func (p *parser) next(n node, s *State) {
	v, hasEnd := n.Get("End")
	end, isBool := v.(bool)
	if hasEnd && !isBool {
		p.say(Schema, n.at("End"), "End must be true or false")
	}
	s.Next, s.End = p.str(n, "Next", false), end
	switch {
	case n.Has("Next") && hasEnd:
		p.say(Schema, n.at("End"), "only one of Next and End may be there")
	case !n.Has("Next") && !end:
		p.say(Schema, n.pointer, "a %s state needs Next, or End: true", s.Type)
	}
}

var variableName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*$`)

// assign checks the names of variables.
func (p *parser) assign(n node) *Value {
	o, ok := p.object(n, "Assign")
	if !ok {
		return nil
	}
	for name := range o.All() {
		plain := name
		if !p.jsonata {
			plain = strings.TrimSuffix(name, ".$")
		}
		if !variableName.MatchString(plain) || len([]rune(plain)) > 80 {
			p.say(Schema, o.at(name), "%q cannot be the name of a variable: letters, digits and _, up to 80", plain)
		}
		if plain == "states" {
			p.say(Schema, o.at(name), "the variable name \"states\" is reserved")
		}
	}
	return p.value(n, "Assign")
}

var alias = regexp.MustCompile(`^(\$LATEST|[a-zA-Z0-9_-]+)(\.waitForTaskToken)?$`)

func (p *parser) task(n node, s *State) {
	if s.Resource = p.str(n, "Resource", true); strings.ContainsAny(s.Resource, " \t\n") {
		p.say(Schema, n.at("Resource"), "Resource must be an ARN or the name of a function")
	}
	if strings.HasPrefix(s.Resource, "arn:") && strings.Count(s.Resource, ":") < 5 {
		p.say(Schema, n.at("Resource"), "%q is not an ARN", s.Resource)
	}
	if part := strings.Split(s.Resource, ":"); strings.HasPrefix(s.Resource, "arn:") && len(part) > 7 && part[2] == "lambda" && !alias.MatchString(part[7]) {
		p.say(Schema, n.at("Resource"), "%q is not the version or alias of a function", part[7])
	}
	s.TimeoutSeconds = p.scalar(n, "TimeoutSeconds", between(1, maxSeconds))
	s.HeartbeatSeconds = p.scalar(n, "HeartbeatSeconds", between(1, maxSeconds))
	if s.TimeoutSeconds != nil && s.HeartbeatSeconds != nil {
		t, isT := value.Whole(s.TimeoutSeconds.Constant)
		h, isH := value.Whole(s.HeartbeatSeconds.Constant)
		if isT && isH && h >= t {
			p.say(Schema, n.at("HeartbeatSeconds"), "HeartbeatSeconds must be less than TimeoutSeconds")
		}
	}
	if _, ok := p.object(n, "Credentials"); ok {
		s.Credentials = p.value(n, "Credentials")
	}
}

func isTimestamp(v any) string {
	if s, ok := v.(string); ok {
		if _, err := time.Parse(time.RFC3339, s); err == nil {
			return ""
		}
	}
	return "must be a time such as 2016-03-14T01:59:00Z (RFC 3339)"
}

func (p *parser) wait(n node, s *State) {
	s.Seconds = p.scalar(n, "Seconds", between(0, maxSeconds))
	s.Timestamp = p.scalar(n, "Timestamp", isTimestamp)
	count := 0
	for _, field := range []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} {
		if n.Has(field) {
			count++
		}
	}
	if count != 1 {
		p.say(Schema, n.pointer, "a Wait state needs exactly one of Seconds, SecondsPath, Timestamp and TimestampPath")
	}
}

func (p *parser) branches(n node, s *State, language string) {
	if !n.Has("Branches") {
		p.say(Schema, n.pointer, `the field "Branches" is missing`)
	}
	l := p.list(n, "Branches")
	if n.Has("Branches") && len(l) == 0 {
		p.say(Schema, n.at("Branches"), "Branches must hold at least one state machine")
	}
	for i, v := range l {
		at := fmt.Sprintf("%s/%d", n.at("Branches"), i)
		o, ok := v.(*value.Object)
		if !ok {
			p.say(Schema, at, "a branch must be an object")
			continue
		}
		s.Branches = append(s.Branches, p.machine(node{o, at}, language, true))
	}
}
