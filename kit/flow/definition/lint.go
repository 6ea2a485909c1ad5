package definition

import (
	"fmt"
	"slices"
	"strings"

	"fnstore/kit/flow/path"
)

func (p *parser) warn(code, pointer, format string, args ...any) {
	p.say(code, pointer, format, args...)
	p.issues[len(p.issues)-1].Warning = true
}

// lint points out traps in a machine that is valid.
func (p *parser) lint(m *Machine) {
	m.Walk(func(in *Machine, s *State) {
		at := p.pointers[s]
		p.lintCatch(s, at)
		p.lintErased(in, s, at)
		p.lintCompensation(in, s, at)
		if s.Type == "Choice" && s.Default == "" {
			p.warn(NoDefault, at, "the Choice %q has no Default: if no rule holds, the run fails with States.NoChoiceMatched", s.Name)
		}
		if s.Type == "Task" && s.TimeoutSeconds == nil {
			p.warn(NoTimeout, at, "the Task %q has no TimeoutSeconds: an answer that is lost is waited for as long as the run may last", s.Name)
		}
		if s.Type == "Task" && strings.Contains(strings.ToLower(s.Comment), "not idempotent") {
			for i, r := range s.Retry {
				if r.MaxAttempts > 0 {
					p.warn(RetryUnsafe, fmt.Sprintf("%s/Retry/%d", at, i), "the Comment of %q says that it is not idempotent, and this Retrier calls it again", s.Name)
				}
			}
		}
	})
}

// lintCatch finds Catchers behind others that match everything of theirs, and
// Retriers that try again what a Catcher names as final.
func (p *parser) lintCatch(s *State, at string) {
	var before []string
	for i, c := range s.Catch {
		for k, name := range c.ErrorEquals {
			pointer := fmt.Sprintf("%s/Catch/%d/ErrorEquals/%d", at, i, k)
			switch {
			case slices.Contains(before, name) || slices.Contains(before, "States.TaskFailed") && !strings.HasPrefix(name, "States."):
				p.warn(CatchNeverUsed, pointer, "this Catch of %q never matches: an earlier one catches the error", name)
			case name == "States.Runtime":
				p.warn(CatchNeverUsed, pointer, "this Catch never matches: States.Runtime cannot be caught")
			case s.Type != "Task" && (name == "States.Timeout" || name == "States.HeartbeatTimeout") && !hasTask(s):
				p.warn(CatchNeverUsed, pointer, "this Catch of %q never matches: no Task is in the state", name)
			case name == "States.HeartbeatTimeout" && s.Type == "Task" && s.HeartbeatSeconds == nil:
				p.warn(CatchNeverUsed, pointer, "this Catch of %q never matches: the Task has no HeartbeatSeconds", name)
			}
			p.lintRetried(s, name, pointer)
		}
		before = append(before, c.ErrorEquals...)
	}
}

// lintRetried warns of an error that is retried under a wide name although it
// is caught under its own.
func (p *parser) lintRetried(s *State, name, pointer string) {
	if strings.HasPrefix(name, "States.") {
		return
	}
	for _, r := range s.Retry {
		if slices.Contains(r.ErrorEquals, name) {
			return
		}
		for _, wide := range []string{"States.TaskFailed", "States.ALL"} {
			if slices.Contains(r.ErrorEquals, wide) && r.MaxAttempts > 0 {
				p.warn(RetryBeforeCatch, pointer, "%q is caught only after %d more attempts: the Retrier of %s matches it too. If trying again cannot help, put a Retrier with MaxAttempts 0 for it first", name, r.MaxAttempts, wide)
				return
			}
		}
	}
}

func hasTask(s *State) (found bool) {
	for _, m := range s.Machines() {
		m.Walk(func(_ *Machine, s *State) { found = found || s.Type == "Task" })
	}
	return found
}

// lintErased finds Catchers that replace the whole input by {Error, Cause}
// although what follows reads other members.
func (p *parser) lintErased(m *Machine, s *State, at string) {
	if s.JSONata {
		return
	}
	for i, c := range s.Catch {
		to := m.States[c.Next]
		if c.ResultPath.Path != nil && c.ResultPath.Path.String() != "$" || c.ResultPath.Null || to == nil {
			continue
		}
		if name := firstRead(to, "Error", "Cause"); name != "" {
			p.warn(ResultErased, fmt.Sprintf("%s/Catch/%d", at, i), "this Catch has no ResultPath, so that the error replaces the whole input; %q reads $.%s, which is gone then", c.Next, name)
		}
	}
	to := m.States[s.Next]
	if s.Type != "Task" || s.ResultPath.Path != nil || s.ResultPath.Null || s.ResultSelector != nil || to == nil {
		return
	}
	for _, o := range m.States {
		if o.ResultPath.Path == nil || o == s || !slices.Contains(reachable(m, o), s.Name) {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(o.ResultPath.Path.String(), "$."), ".")
		if reads(to, name) {
			p.warn(ResultErased, at, "the result of %q replaces the whole input; %q reads $.%s, which another state wrote before", s.Name, to.Name, name)
			return
		}
	}
}

// reachable are the states that may come after one.
func reachable(m *Machine, s *State) (list []string) {
	queue := s.Targets()
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if to := m.States[name]; to != nil && !slices.Contains(list, name) {
			list = append(list, name)
			queue = append(queue, to.Targets()...)
		}
	}
	return list
}

// inputs calls visit for every path into the input that a state reads.
func (s *State) inputs(visit func(*path.Path)) {
	only := func(p *path.Path) {
		if p != nil && p.Root() == "" {
			visit(p)
		}
	}
	only(s.InputPath.Path)
	if s.InputPath.Path == nil && s.Payload != nil {
		s.Payload.Template.Paths(only)
	}
	for _, x := range []*Scalar{s.Seconds, s.Timestamp, s.TimeoutSeconds} {
		if x != nil && x.Path != nil {
			x.Path.Paths(only)
		}
	}
	var rules func([]*Rule)
	rules = func(list []*Rule) {
		for _, r := range list {
			only(r.Variable)
			only(r.Other)
			rules(r.And)
			rules(r.Or)
			if r.Not != nil {
				rules([]*Rule{r.Not})
			}
		}
	}
	rules(s.Choices)
}

// member is the first name of a path, or "".
func member(p *path.Path) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(p.String(), "$."), ".")
	name, _, _ = strings.Cut(name, "[")
	if strings.HasPrefix(name, "$") {
		return ""
	}
	return name
}

// firstRead is the first member of the input that a state reads and that is not
// among the given ones.
func firstRead(s *State, given ...string) (name string) {
	s.inputs(func(p *path.Path) {
		if m := member(p); name == "" && m != "" && !slices.Contains(given, m) {
			name = m
		}
	})
	return name
}

func reads(s *State, name string) (yes bool) {
	s.inputs(func(p *path.Path) { yes = yes || member(p) == name })
	return yes
}

// undoing are words in the names of states that undo what others did.
var undoing = []string{"refund", "release", "cancel", "compensat", "rollback", "undo", "revert"}

// lintCompensation finds Tasks that undo something and whose own failure ends
// the run half undone.
func (p *parser) lintCompensation(m *Machine, s *State, at string) {
	name := strings.ToLower(s.Name)
	if s.Type != "Task" || len(s.Catch) > 0 || !slices.ContainsFunc(undoing, func(w string) bool { return strings.Contains(name, w) }) {
		return
	}
	p.warn(NoCatch, at, "the compensation %q has no Catch: if it fails, the run ends and what should be undone after it stays", s.Name)
}
