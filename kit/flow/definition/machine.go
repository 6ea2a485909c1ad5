// Package definition reads state machines in the Amazon States Language: it
// parses them, refuses what AWS refuses with the line and column, and points out
// traps. It does not run them.
package definition

import (
	"fnstore/kit/flow/intrinsic"
	"fnstore/kit/flow/path"
	"fnstore/kit/flow/query"
)

// Machine is a state machine, or a branch or item processor in one.
type Machine struct {
	Comment        string
	StartAt        string
	TimeoutSeconds int // 0 is none
	States         map[string]*State
	Order          []string // the states as written
}

// State is a state of any type. Fields that the type does not have are zero.
type State struct {
	Name, Type, Comment string
	JSONata             bool // the query language; else JSONPath
	Next                string
	End                 bool
	resourceAt          Issue // where the Resource is in the text

	InputPath, OutputPath, ResultPath PathField
	Payload                           *Value // Parameters or Arguments; of a Map without items ItemSelector's older name
	ResultSelector                    *Value
	Output, Assign                    *Value

	Retry []Retrier
	Catch []Catcher

	Result           any  // of a Pass
	HasResult        bool // of a Pass
	Resource         string
	Credentials      *Value
	TimeoutSeconds   *Scalar
	HeartbeatSeconds *Scalar

	Choices []*Rule
	Default string

	Seconds, Timestamp *Scalar // of a Wait
	Error, Cause       *Scalar // of a Fail

	Branches []*Machine
	Map      *Map
}

// PathField is InputPath, OutputPath or ResultPath. Without Path and Null it is
// the default, "$".
type PathField struct {
	Path *path.Path
	Null bool
}

// Value is a template in the state's query language.
type Value struct {
	Template *intrinsic.Template // of JSONPath
	Query    *query.Template     // of JSONata
	Field    string              // its name, for messages
}

// Scalar is a field such as TimeoutSeconds: a constant, a path (of the field
// whose name ends in Path) or a query.
type Scalar struct {
	Field    string
	Constant any
	Path     *intrinsic.Expression
	Query    *query.Template
}

// Map is what only Map states have.
type Map struct {
	Processor             *Machine
	Distributed           bool
	ExecutionType         string
	Items                 *Scalar // ItemsPath or Items; nil is the whole input
	Selector              *Value
	MaxConcurrency        *Scalar
	ToleratedCount        *Scalar
	ToleratedPercentage   *Scalar
	Label                 string
	Reader, Writer        *Source
	BatchInput            *Value
	MaxItemsPerBatch      *Scalar
	MaxInputBytesPerBatch *Scalar
}

// Source is an ItemReader or a ResultWriter.
type Source struct {
	Resource string
	Config   any // ReaderConfig or WriterConfig
	MaxItems *Scalar
	Payload  *Value
}

// Retrier says how often and when a state is tried again after some errors.
type Retrier struct {
	ErrorEquals     []string
	IntervalSeconds int
	MaxAttempts     int
	BackoffRate     float64
	MaxDelaySeconds int  // 0 is no limit
	FullJitter      bool // else none
}

// Catcher says where to go after some errors.
type Catcher struct {
	ErrorEquals    []string
	ResultPath     PathField
	Next           string
	Output, Assign *Value
}

// Rule is a choice rule, or a part of one.
type Rule struct {
	And, Or        []*Rule
	Not            *Rule
	Variable       *path.Path
	Operator       string // without Path at its end
	Constant       any
	Other          *path.Path // of an operator that ends in Path
	Condition      *query.Template
	Next           string
	Output, Assign *Value
}

// Targets are the states that may follow, in the order in which they are
// written, without repetition.
func (s *State) Targets() (list []string) {
	seen := map[string]bool{"": true}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	add(s.Next)
	for _, r := range s.Choices {
		add(r.Next)
	}
	add(s.Default)
	for _, c := range s.Catch {
		add(c.Next)
	}
	return list
}

// Machines are the branches or the item processor of the state.
func (s *State) Machines() []*Machine {
	if s.Map != nil && s.Map.Processor != nil {
		return []*Machine{s.Map.Processor}
	}
	return s.Branches
}

// Walk calls visit for every state of the machine and of those in it.
func (m *Machine) Walk(visit func(*Machine, *State)) {
	for _, name := range m.Order {
		s := m.States[name]
		visit(m, s)
		for _, sub := range s.Machines() {
			sub.Walk(visit)
		}
	}
}
