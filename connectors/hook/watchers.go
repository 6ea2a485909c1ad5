package hook

import (
	"slices"
	"strings"
	"sync"
)

// Watchers are the functions that watch, as they are deployed now. The zero
// value is ready, and its methods may be called from any goroutine.
type Watchers struct {
	mu   sync.Mutex
	list []Watcher // by function; replaced and never changed
}

// Set makes a function's watches these, or none.
func (w *Watchers) Set(function string, places []Place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(w.list), func(x Watcher) bool { return x.Function == function })
	if len(places) > 0 {
		list = append(list, Watcher{function, places})
		slices.SortFunc(list, func(a, b Watcher) int { return strings.Compare(a.Function, b.Function) })
	}
	w.list = list
}

// List gives those that watch now, for Emit. It must not be changed.
func (w *Watchers) List() []Watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list
}
