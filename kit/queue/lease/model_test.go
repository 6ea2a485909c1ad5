package lease_test

import (
	"fmt"
	"testing"
)

// A model of one message: a client that sends it, two workers, leases that end
// at any moment and workers that stop for good at any moment. The test walks
// through every interleaving of their steps and looks at every state in which
// nothing can happen any more. Each rule is what a statement of this package, or
// a function that uses a key, does in one transaction; without one of the rules
// the test must find the harm.

// rules are what makes the protocol right.
type rules struct {
	fence       bool // a finish counts only with the latest fence
	commitFirst bool // the client is told after the commit
	effectFirst bool // the worker finishes after the function's effect, not before
	key         bool // the effect and its key are one row: the second write does nothing
}

var sound = rules{true, true, true, true}

// stage is where a worker stands.
type stage int8

const (
	idle   stage = iota
	leased       // it has claimed the message
	acted        // the function's effect is written
	early        // broken: it has finished, the effect is to come
	gone         // it has stopped for good
)

type worker struct {
	stage stage
	fence int8
}

// world is a state of the model; it is a map's key.
type world struct {
	sent      bool // the message's row is written
	committed bool
	told      bool // the client has its 202
	crashed   bool // the sender died; what was not committed is rolled back
	fence     int8
	held      bool // a lease is in force
	done      int8 // records of the message's end
	stale     bool // one was written by somebody whose lease was over
	effects   int8
	expiries  int8 // leases that may still end
	deaths    int8 // workers that may still stop
	workers   [2]worker
}

// harm says what is wrong with a state in which nothing can happen any more.
func (w world) harm() string {
	switch {
	case w.told && w.done == 0:
		return "accepted and lost"
	case w.done > 0 && w.effects == 0:
		return "done without effect"
	case w.effects > 1:
		return "two effects"
	case w.done > 1:
		return "ended twice"
	case w.stale:
		return "ended by somebody whose lease was over"
	}
	return ""
}

// next gives every state that one step leads to.
func (r rules) next(w world) (list []world) {
	add := func(change func(*world)) {
		n := w
		change(&n)
		list = append(list, n)
	}
	if !w.crashed {
		switch {
		case !w.sent:
			add(func(n *world) { n.sent = true })
		case !w.committed:
			add(func(n *world) { n.committed = true })
		}
		if !w.told && w.sent && (w.committed || !r.commitFirst) {
			add(func(n *world) { n.told = true })
		}
		if !w.told || !w.committed {
			add(func(n *world) { n.crashed = true })
		}
	}
	there := w.committed && w.done == 0
	if there && w.held && w.expiries > 0 {
		add(func(n *world) { n.held = false; n.expiries-- })
	}
	for i, me := range w.workers {
		finish := func(n *world, after stage) {
			n.workers[i].stage = after
			if !there && r.fence || r.fence && me.fence != w.fence {
				return // refused
			}
			n.stale = n.stale || me.fence != w.fence
			n.done++
			n.held = false
		}
		switch me.stage {
		case idle:
			if there && !w.held {
				add(func(n *world) { n.fence++; n.held = true; n.workers[i] = worker{leased, n.fence} })
			}
		case leased:
			if r.effectFirst {
				add(func(n *world) { n.workers[i].stage = acted; n.effect(r) })
			} else {
				add(func(n *world) { finish(n, early) })
			}
		case acted:
			add(func(n *world) { finish(n, idle) })
		case early:
			add(func(n *world) { n.workers[i].stage = idle; n.effect(r) })
		}
		if me.stage != gone && me.stage != idle && w.deaths > 0 { // its lease ends, sooner or later
			add(func(n *world) {
				n.workers[i].stage = gone
				n.deaths--
				if n.held && n.fence == me.fence {
					n.held = false
				}
			})
		}
	}
	return list
}

func (w *world) effect(r rules) {
	if !r.key || w.effects == 0 {
		w.effects++
	}
}

// explore walks through everything and gives the harms that it found.
func (r rules) explore() (harms map[string]bool, states int) {
	harms = map[string]bool{}
	start := world{expiries: 4, deaths: 1}
	seen := map[world]bool{start: true}
	for todo := []world{start}; len(todo) > 0; {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		next := r.next(w)
		if len(next) == 0 || w.stale || w.done > 1 || w.effects > 1 {
			if h := w.harm(); h != "" {
				harms[h] = true
			}
		}
		for _, n := range next {
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return harms, len(seen)
}

func TestModel_EveryInterleaving(t *testing.T) {
	harms, states := sound.explore()
	t.Logf("%d states", states)
	if len(harms) > 0 || states < 500 {
		t.Errorf("%v in %d states", harms, states)
	}
	for name, c := range map[string]struct {
		broken rules
		harm   string
	}{
		"no fence":                       {rules{false, true, true, true}, "ended by somebody whose lease was over"},
		"acknowledged before commit":     {rules{true, false, true, true}, "accepted and lost"},
		"finished before the effect":     {rules{true, true, false, true}, "done without effect"},
		"no unique key":                  {rules{true, true, true, false}, "two effects"},
		"no fence, and so ended twice":   {rules{false, true, true, true}, "ended twice"},
		"nothing of it, and all at once": {rules{}, "two effects"},
	} {
		if harms, _ := c.broken.explore(); !harms[c.harm] {
			t.Errorf("%s: found %v, want %q", name, fmt.Sprint(harms), c.harm)
		}
	}
}
