package process

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"time"
)

// memoryInterval is how often the memory of processes is looked at.
const memoryInterval = 500 * time.Millisecond

// memoryWatch ends processes that have more memory than they may, where the
// kernel does not. It runs only while there is one to look at.
type memoryWatch struct {
	mu      sync.Mutex
	limits  map[*instance]int64 // bytes
	running bool
}

func newMemoryWatch() *memoryWatch { return &memoryWatch{limits: map[*instance]int64{}} }

// add has the process looked at until it ends. A nil watch looks at none.
func (w *memoryWatch) add(p *instance, limit int64) {
	if w == nil || limit == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limits[p] = limit
	if !w.running {
		w.running = true
		go w.run()
	}
}

func (w *memoryWatch) run() {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	for range tick.C {
		if !w.look() {
			return
		}
	}
}

// look reports whether there is anything left to look at.
func (w *memoryWatch) look() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, limit := range w.limits {
		select {
		case <-p.exited:
			delete(w.limits, p)
			continue
		default:
		}
		if has := residentBytes(p.process.Pid); has > limit {
			p.kill(fmt.Sprintf("it had %d MiB of memory, above its limit of %d MiB", has>>20, limit>>20))
			delete(w.limits, p)
		}
	}
	w.running = len(w.limits) > 0
	return w.running
}

// residentBytes is the memory of a process; 0 when it is gone.
func residentBytes(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Fscan(bytes.NewReader(b), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
