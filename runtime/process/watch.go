package process

import (
	"fmt"
	"sync"
	"time"
)

// every is how often the watch looks.
const every = 500 * time.Millisecond

// watch ends processes that have more memory than they may, where the kernel
// does not. It looks only while there is one to look at.
type watch struct {
	mu      sync.Mutex
	limits  map[*instance]int64 // bytes
	looking bool
}

func newWatch() *watch { return &watch{limits: map[*instance]int64{}} }

// add has the process looked at until it ends.
func (w *watch) add(p *instance, limit int64) {
	if w == nil || limit == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limits[p] = limit
	if !w.looking {
		w.looking = true
		go w.run()
	}
}

func (w *watch) run() {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for range tick.C {
		if !w.look() {
			return
		}
	}
}

// look tells whether there is anything left to look at.
func (w *watch) look() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, limit := range w.limits {
		select {
		case <-p.exited:
			delete(w.limits, p)
			continue
		default:
		}
		if has := resident(p.pid); has > limit {
			p.condemn(fmt.Sprintf("it had %d MiB of memory, above its limit of %d MiB", has>>20, limit>>20))
			delete(w.limits, p)
		}
	}
	w.looking = len(w.limits) > 0
	return w.looking
}
