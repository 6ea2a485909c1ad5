// Package drawing draws state machines as graphs: Mermaid text for pages that
// render it, and SVG for everything else. It does not run them.
package drawing

import (
	"fmt"
	"strings"

	"fnstore/kit/flow/definition"
)

// edge is an arrow from one state to another.
type edge struct {
	from, to, label string
	fails           bool // a Catch
}

// edges are the arrows that leave a state.
func edges(s *definition.State) (list []edge) {
	if s.Next != "" {
		list = append(list, edge{from: s.Name, to: s.Next})
	}
	for i, r := range s.Choices {
		list = append(list, edge{from: s.Name, to: r.Next, label: fmt.Sprintf("rule %d", i+1)})
	}
	if s.Default != "" {
		list = append(list, edge{from: s.Name, to: s.Default, label: "default"})
	}
	for _, c := range s.Catch {
		list = append(list, edge{s.Name, c.Next, strings.Join(c.ErrorEquals, ", "), true})
	}
	return list
}

func ends(s *definition.State) bool { return s.End || s.Type == "Succeed" || s.Type == "Fail" }

// Mermaid is the machine as a flowchart of Mermaid.
func Mermaid(m *definition.Machine) string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	d := &mermaid{out: &b, ids: map[string]string{}}
	d.machine(m, "  ")
	return b.String()
}

type mermaid struct {
	out *strings.Builder
	ids map[string]string
	n   int
}

// id is a short name for a state; names are unique in the whole machine.
func (d *mermaid) id(name string) string {
	if d.ids[name] == "" {
		d.ids[name] = fmt.Sprintf("s%d", len(d.ids)+1)
	}
	return d.ids[name]
}

// quoted is a text as a label; Mermaid takes entities in quotes.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`"`, "#quot;", "#", "#35;", "<", "#lt;", ">", "#gt;", "\n", " ").Replace(s) + `"`
}

var shapes = map[string][2]string{
	"Choice": {"{", "}"}, "Wait": {"[/", "/]"}, "Succeed": {"([", "])"}, "Fail": {"[[", "]]"}, "Pass": {"(", ")"},
}

func (d *mermaid) machine(m *definition.Machine, indent string) {
	d.n++
	start, end := fmt.Sprintf("start%d", d.n), fmt.Sprintf("end%d", d.n)
	fmt.Fprintf(d.out, "%s%s((\" \")) --> %s\n", indent, start, d.id(m.StartAt))
	for _, name := range m.Order {
		s := m.States[name]
		shape, ok := shapes[s.Type]
		if !ok {
			shape = [2]string{"[", "]"}
		}
		if subs := s.Machines(); len(subs) > 0 {
			fmt.Fprintf(d.out, "%ssubgraph %s[%s]\n", indent, d.id(name), quoted(s.Type+": "+name))
			for _, sub := range subs {
				d.machine(sub, indent+"  ")
			}
			fmt.Fprintf(d.out, "%send\n", indent)
		} else {
			fmt.Fprintf(d.out, "%s%s%s%s%s\n", indent, d.id(name), shape[0], quoted(name), shape[1])
		}
		for _, e := range edges(s) {
			arrow, label := "-->", ""
			if e.fails {
				arrow = "-.->"
			}
			if e.label != "" {
				label = "|" + quoted(e.label) + "|"
			}
			fmt.Fprintf(d.out, "%s%s %s%s %s\n", indent, d.id(e.from), arrow, label, d.id(e.to))
		}
		if ends(s) {
			fmt.Fprintf(d.out, "%s%s --> %s((( )))\n", indent, d.id(name), end)
		}
	}
}
