package definition

import (
	"slices"
	"strings"
)

// Function is the name of the function that a Task calls: the Resource itself,
// or the part of an ARN of Lambda. It is "" for other services.
func (s *State) Function() string {
	if s.Type != "Task" {
		return ""
	}
	if !strings.HasPrefix(s.Resource, "arn:") {
		return strings.TrimSuffix(s.Resource, ".waitForTaskToken")
	}
	part := strings.Split(s.Resource, ":")
	if len(part) >= 7 && part[2] == "lambda" && part[5] == "function" {
		return strings.TrimSuffix(part[6], ".waitForTaskToken")
	}
	return ""
}

// Known finds Tasks whose function is not among the known ones.
func Known(m *Machine, functions []string) (list Issues) {
	m.Walk(func(_ *Machine, s *State) {
		if f := s.Function(); f != "" && !slices.Contains(functions, f) {
			i := s.resourceAt
			i.Code, i.Message = UnknownFunction, "the state \""+s.Name+"\" calls the function \""+f+"\", which is not in the stack file"
			list = append(list, i)
		}
	})
	return list
}
