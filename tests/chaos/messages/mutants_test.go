package messages

import (
	"fmt"
	"slices"
	"testing"

	"fnstore/tests/chaos/messages/plan"
)

// A check that has never failed proves nothing. Each mutant is a known mistake; the
// check has to find it.
func TestMutants_AreCaught(t *testing.T) {
	times := func(n int, names ...string) (list []fault) {
		for range n {
			for _, f := range faults {
				if slices.Contains(names, f.name) {
					list = append(list, f)
				}
			}
		}
		return list
	}
	caught, mutants := 0, []struct {
		name     string
		mutant   mutant
		plan     []fault
		messages int
		found    func(report) bool
	}{
		{"answers before the commit", mutant{env: []string{plan.EarlyAnswer + "=1"}}, times(3, "kill", "crash of postgres"), 1000,
			func(r report) bool { return len(r.lost) > 0 }},
		{"effect without a unique key", mutant{twice: true}, nil, 1000,
			func(r report) bool { return len(r.doubled) > 0 }},
		{"skips what failed before", mutant{skip: true}, nil, 1000,
			func(r report) bool { return len(r.lost) > 0 }},
		{"no fence", mutant{replace: [][2]string{
			{"m.fence = o.fence", "m.fence = m.fence"},
			{"m.fence = k.fence", "m.fence = m.fence"},
		}}, times(1, "stopped worker"), 1000,
			func(r report) bool { return len(r.wrongDead) > 0 }},
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			s := seed(t)
			r := open(t, s, m.mutant)
			rep := r.run(t, m.messages, m.plan)
			t.Log(rep)
			if m.found(rep) {
				caught++
			} else {
				t.Errorf("the mistake was not found: %v", rep)
			}
			if len(m.mutant.replace) > 0 && r.net.replaced.Load() == 0 {
				t.Error("no statement was changed")
			}
		})
	}
	fmt.Printf("messages: mutants caught %d of %d\n", caught, len(mutants))
}
