package hook

import (
	"fmt"
	"sync"
	"testing"
)

// What watches changes while objects come, and who reads the list never sees
// half of a change.
func TestWatchers_FollowDeployments(t *testing.T) {
	var w Watchers
	w.Set(Watcher{Function: "b", Places: []Place{{"uploads", ""}}})
	w.Set(Watcher{Function: "a", Places: []Place{{"uploads", "x/"}}})
	before := w.List()
	w.Set(Watcher{Function: "b", Places: []Place{{"data", ""}}})
	if fmt.Sprint(before) != "[{a [{uploads x/}] [] [] []} {b [{uploads }] [] [] []}]" || fmt.Sprint(w.List()) != "[{a [{uploads x/}] [] [] []} {b [{data }] [] [] []}]" {
		t.Errorf("%v, then %v", before, w.List())
	}
	w.Set(Watcher{Function: "a"})
	w.Set(Watcher{Function: "never-there"})
	if fmt.Sprint(w.List()) != "[{b [{data }] [] [] []}]" {
		t.Errorf("after one was removed: %v", w.List())
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				w.Set(Watcher{Function: fmt.Sprint("f", i), Places: []Place{{"uploads", ""}}})
				for _, x := range w.List() {
					if len(x.Places) != 1 {
						t.Errorf("%v", x)
					}
				}
				w.Set(Watcher{Function: fmt.Sprint("f", i)})
			}
		})
	}
	all.Wait()
	if len(w.List()) != 1 {
		t.Errorf("left: %v", w.List())
	}
}
