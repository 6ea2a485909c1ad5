package definition

import "fmt"

// Alone is a machine of one state of this machine, or of one in it: its result
// is the state's output, wherever the state would go.
func (m *Machine) Alone(name string) (*Machine, error) {
	var found *State
	m.Walk(func(_ *Machine, s *State) {
		if s.Name == name {
			found = s
		}
	})
	if found == nil {
		return nil, fmt.Errorf("the definition has no state %q", name)
	}
	alone := &Machine{StartAt: name, States: map[string]*State{}}
	add := func(s *State) {
		alone.States[s.Name] = s
		alone.Order = append(alone.Order, s.Name)
	}
	s := *found
	after := func(target string) string {
		if target == name {
			return name + " again"
		}
		return target
	}
	s.Next, s.Default = after(s.Next), after(s.Default)
	s.Choices, s.Catch = nil, nil
	for _, r := range found.Choices {
		c := *r
		c.Next = after(c.Next)
		s.Choices = append(s.Choices, &c)
	}
	for _, c := range found.Catch {
		c.Next = after(c.Next)
		s.Catch = append(s.Catch, c)
	}
	add(&s)
	for _, to := range s.Targets() {
		add(&State{Name: to, Type: "Succeed"})
	}
	return alone, nil
}
