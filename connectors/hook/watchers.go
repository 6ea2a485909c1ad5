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

// Set makes a function's watch this one, or none where it has no places.
func (w *Watchers) Set(watcher Watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(w.list), func(x Watcher) bool { return x.Function == watcher.Function })
	if len(watcher.Places) > 0 {
		list = append(list, watcher)
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
