package definition

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fnstore/kit/flow/intrinsic"
	"fnstore/kit/flow/path"
	"fnstore/kit/flow/query"
	"fnstore/kit/flow/value"
)

// MaxBytes is how large a definition may be, as in AWS.
const MaxBytes = 1 << 20

// Parse reads and validates a definition. The machine is nil if an issue is an
// error. Language compiles JSONata; it may be nil if no state uses it.
func Parse(text []byte, language query.Language) (*Machine, Issues) {
	p := &parser{language: language, names: map[string]string{}}
	if len(text) > MaxBytes {
		p.say(TooLarge, "", "the definition has %d bytes, and %d are the most", len(text), MaxBytes)
		p.issues.place(text, nil)
		return nil, p.issues
	}
	root, offsets, twice, err := value.DecodeWithOffsets(text)
	if err != nil {
		i := Issue{Code: InvalidJSON, Message: err.Error()}
		var syntax *value.SyntaxError
		if errors.As(err, &syntax) {
			i.Message = syntax.Message
			i.Line, i.Column = position(text, syntax.Offset)
		}
		return nil, Issues{i}
	}
	for _, pointer := range twice {
		p.say(InvalidJSON, pointer, "the name occurs twice in its object")
	}
	o, ok := root.(*value.Object)
	if !ok {
		p.say(Schema, "", "a definition is a JSON object")
	}
	m := p.machine(node{o, ""}, "", false)
	p.issues.place(text, offsets)
	if p.issues.Err() != nil {
		return nil, p.issues
	}
	p.lint(m)
	p.issues.place(text, offsets)
	for s, pointer := range p.pointers {
		one := Issues{{Pointer: pointer + "/Resource"}}
		one.place(text, offsets)
		s.resourceAt = one[0]
	}
	return m, p.issues
}

// parser collects issues while it reads.
type parser struct {
	language query.Language
	issues   Issues
	names    map[string]string // where each state's name was used first
	pointers map[*State]string
	jsonata  bool   // the language of the state being read
	extra    string // the member that $states has beside input and context
}

func (p *parser) say(code, pointer, format string, args ...any) {
	p.issues = append(p.issues, Issue{Code: code, Pointer: pointer, Message: fmt.Sprintf(format, args...)})
}

// node is an object and where it is.
type node struct {
	*value.Object
	pointer string
}

func (n node) at(field string) string { return n.pointer + "/" + value.Escape(field) }

// object is a member that must be an object; without the member it is nil.
func (p *parser) object(n node, field string) (node, bool) {
	v, ok := n.Get(field)
	if !ok {
		return node{}, false
	}
	o, ok := v.(*value.Object)
	if !ok {
		p.say(Schema, n.at(field), "%s must be an object", field)
	}
	return node{o, n.at(field)}, ok
}

func (p *parser) list(n node, field string) []any {
	v, ok := n.Get(field)
	if !ok {
		return nil
	}
	l, ok := v.([]any)
	if !ok {
		p.say(Schema, n.at(field), "%s must be an array", field)
	}
	return l
}

func (p *parser) str(n node, field string, required bool) string {
	v, ok := n.Get(field)
	s, isString := v.(string)
	switch {
	case !ok && required:
		p.say(Schema, n.pointer, "the field %q is missing", field)
	case ok && !isString:
		p.say(Schema, n.at(field), "%s must be a string", field)
	case required && s == "":
		p.say(Schema, n.at(field), "%s must not be empty", field)
	}
	return s
}

// whole is a whole number between bounds, or otherwise if it is not there.
func (p *parser) whole(n node, field string, least, most, otherwise int) int {
	v, ok := n.Get(field)
	if !ok {
		return otherwise
	}
	i, ok := value.Whole(v)
	if !ok || i < least || i > most {
		p.say(Schema, n.at(field), "%s must be a whole number from %d to %d", field, least, most)
		return otherwise
	}
	return i
}

// oneOf is a string out of a few.
func (p *parser) oneOf(n node, field string, allowed ...string) string {
	s := p.str(n, field, false)
	if n.Has(field) && !slices.Contains(allowed, s) {
		p.say(Schema, n.at(field), "%s must be one of %s", field, strings.Join(allowed, ", "))
	}
	return s
}

// only refuses fields that are not in the list.
func (p *parser) only(n node, what string, allowed ...string) {
	for field := range n.All() {
		if !slices.Contains(allowed, field) {
			p.say(Schema, n.at(field), "the field %q is not supported in %s", field, what)
		}
	}
}

// maxSeconds is the most that AWS allows for times in seconds.
const maxSeconds = 99_999_999

// machine reads a state machine, branch or processor. language is that of the
// whole; within is true below the top.
func (p *parser) machine(n node, language string, within bool) *Machine {
	allowed := []string{"Comment", "StartAt", "States", "QueryLanguage", "ProcessorConfig"}
	if !within {
		allowed = []string{"Comment", "StartAt", "States", "QueryLanguage", "Version", "TimeoutSeconds"}
	}
	p.only(n, "a state machine", allowed...)
	p.str(n, "Comment", false)
	if n.Has("Version") && n.String("Version") != "1.0" {
		p.say(Schema, n.at("Version"), `Version must be "1.0"`)
	}
	m := &Machine{Comment: n.String("Comment"), StartAt: p.str(n, "StartAt", true), States: map[string]*State{}}
	m.TimeoutSeconds = p.whole(n, "TimeoutSeconds", 1, maxSeconds, 0)
	language = p.chooseLanguage(n, language)
	states, ok := p.object(n, "States")
	if !ok {
		if !n.Has("States") {
			p.say(Schema, n.pointer, `the field "States" is missing`)
		}
		return m
	}
	if states.Len() == 0 {
		p.say(Schema, states.pointer, "States must hold at least one state")
	}
	for name := range states.All() {
		at := states.at(name)
		if len([]rune(name)) > 80 || name == "" {
			p.say(Schema, at, "a state's name must have 1 to 80 characters")
		}
		if first, again := p.names[name]; again {
			p.say(DuplicateState, at, "the state name %q is used at %s already; names are unique in the whole definition", name, first)
		}
		p.names[name] = at
		if s, ok := p.object(states, name); ok {
			m.Order = append(m.Order, name)
			m.States[name] = p.state(s, name, language)
		}
	}
	p.transitions(m, n, states)
	return m
}

func (p *parser) chooseLanguage(n node, outer string) string {
	own := p.oneOf(n, "QueryLanguage", "JSONPath", "JSONata")
	if own == "JSONPath" && outer == "JSONata" {
		p.say(Schema, n.at("QueryLanguage"), "QueryLanguage cannot be JSONPath where JSONata is set for the whole")
	}
	if own == "" {
		return outer
	}
	return own
}

// transitions checks that every state leads somewhere and can be reached.
func (p *parser) transitions(m *Machine, n, states node) {
	if m.StartAt != "" && !states.Has(m.StartAt) {
		p.say(MissingTarget, n.at("StartAt"), "StartAt names the state %q, which is not in States", m.StartAt)
	}
	reached := map[string]bool{}
	queue := []string{m.StartAt}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if s := m.States[name]; s != nil && !reached[name] {
			reached[name] = true
			queue = append(queue, s.Targets()...)
		}
	}
	ends := false
	for _, name := range m.Order {
		s := m.States[name]
		ends = ends || s.End || s.Type == "Succeed" || s.Type == "Fail"
		if !reached[name] && m.States[m.StartAt] != nil {
			p.say(MissingTarget, states.at(name), "the state %q cannot be reached", name)
		}
		for _, to := range s.Targets() {
			if !states.Has(to) {
				p.say(MissingTarget, p.where(states.at(name), states, name, to), "the next state %q is not in States", to)
			}
		}
	}
	if !ends && len(m.Order) > 0 {
		p.say(NoEnd, states.pointer, "no state ends the machine: one needs End: true or the type Succeed or Fail")
	}
}

// where finds the field that names the target, for its line.
func (p *parser) where(pointer string, states node, name, to string) string {
	v, _ := states.Get(name)
	o, _ := v.(*value.Object)
	for _, field := range []string{"Next", "Default"} {
		if o.String(field) == to {
			return pointer + "/" + field
		}
	}
	for _, field := range []string{"Choices", "Catch"} {
		v, _ := o.Get(field)
		l, _ := v.([]any)
		for i, e := range l {
			if sub, ok := e.(*value.Object); ok && sub.String("Next") == to {
				return fmt.Sprintf("%s/%s/%d/Next", pointer, field, i)
			}
		}
	}
	return pointer
}

// value reads a template in the state's language.
func (p *parser) value(n node, field string) *Value {
	v, ok := n.Get(field)
	if !ok {
		return nil
	}
	out := &Value{Field: field}
	if p.jsonata {
		t, errs := query.Parse(p.language, v)
		for _, e := range errs {
			p.say(Schema, n.at(field)+e.Pointer, "the JSONata expression cannot be used: %v", e.Err)
		}
		out.Query = t
		p.members(t, n.at(field))
		return out
	}
	t, errs := intrinsic.ParseTemplate(v)
	for _, e := range errs {
		p.say(Schema, n.at(field)+e.Pointer, "%s", e.Reason)
	}
	out.Template = t
	return out
}

// path reads a field that holds a path or null.
func (p *parser) path(n node, field string, reference bool) PathField {
	v, ok := n.Get(field)
	if !ok {
		return PathField{}
	}
	if v == nil {
		return PathField{Null: true}
	}
	return PathField{Path: p.parsePath(v, n.at(field), field, reference)}
}

func (p *parser) parsePath(v any, pointer, field string, reference bool) *path.Path {
	s, ok := v.(string)
	if !ok {
		p.say(Schema, pointer, "%s must be a path", field)
		return nil
	}
	got, err := path.Parse(s)
	switch {
	case err != nil:
		p.say(Schema, pointer, "%s is not a path: %v", field, err)
		return nil
	case reference && (!got.Reference() || got.Root() != ""):
		p.say(Schema, pointer, "%s must be a reference path: names and indexes only, such as $.a.b[0]", field)
	}
	return got
}

// scalar reads a field and the one whose name has Path at its end.
func (p *parser) scalar(n node, field string, check func(v any) string) *Scalar {
	out := &Scalar{Field: field}
	v, ok := n.Get(field)
	other, hasPath := n.Get(field + "Path")
	switch {
	case ok && hasPath:
		p.say(Schema, n.at(field), "only one of %s and %sPath may be there", field, field)
		return nil
	case hasPath:
		out.Field = field + "Path"
		s, isString := other.(string)
		x, err := intrinsic.Parse(s)
		if !isString || err != nil {
			p.say(Schema, n.at(out.Field), "%s must be a path", out.Field)
			return nil
		}
		out.Path = x
		return out
	case !ok:
		return nil
	}
	out.Constant = v
	if p.jsonata {
		t, errs := query.Parse(p.language, v)
		for _, e := range errs {
			p.say(Schema, n.at(field)+e.Pointer, "the JSONata expression cannot be used: %v", e.Err)
		}
		if len(errs) > 0 {
			return nil
		}
		if !t.Constant() {
			out.Query = t
			p.members(t, n.at(field))
			return out
		}
	}
	if complaint := check(v); complaint != "" {
		p.say(Schema, n.at(field), "%s %s", field, complaint)
		return nil
	}
	return out
}

// between checks for a whole number.
func between(least, most int) func(any) string {
	return func(v any) string {
		if i, ok := value.Whole(v); !ok || i < least || i > most {
			return fmt.Sprintf("must be a whole number from %d to %d", least, most)
		}
		return ""
	}
}

func isString(v any) string {
	if _, ok := v.(string); !ok {
		return "must be a string"
	}
	return ""
}

func isPercentage(v any) string {
	n, ok := v.(json.Number)
	if !ok || value.CompareNumbers(n, "0") < 0 || value.CompareNumbers(n, "100") > 0 {
		return "must be a number from 0 to 100"
	}
	return ""
}
