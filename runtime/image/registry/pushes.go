package registry

import (
	"sync"
	"time"
)

// pushes knows when somebody last sent something. A push is several requests,
// and nothing says which is the last; so it is over when no more have come for
// a while.
type pushes struct {
	mu   sync.Mutex
	open int
	last time.Time
}

func (p *pushes) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open++
}

func (p *pushes) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.last = time.Now()
}

// Quiet tells for how long nobody has pushed; 0 while somebody does.
func (g *Registry) Quiet() time.Duration {
	p := &g.push
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open > 0 {
		return 0
	}
	return max(time.Since(p.last), 1) // never, after a start, is very long
}
