package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

// Groups that somebody took away are made again: a store in another PID
// namespace cannot know that this one lives.
func TestWhatSomebodyTookAwayIsMadeAgain(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may make control groups")
	}
	g := Open()
	if !g.Can(Tasks) {
		t.Skip("no control groups can be made here") // as in a container; the process tests say so too
	}
	defer g.Close()
	for range 2 {
		for _, base := range g.base {
			groups, _ := filepath.Glob(filepath.Join(base, "*", "cgroup.procs"))
			for _, procs := range groups {
				remove(filepath.Dir(procs))
			}
			_ = os.Remove(base)
			if _, err := os.Stat(base); err == nil {
				t.Fatal(base + " is still there")
			}
		}
		group, err := g.Make(Bounds{Tasks: 10})
		if err != nil {
			t.Fatal(err)
		}
		group.Remove()
	}
}
