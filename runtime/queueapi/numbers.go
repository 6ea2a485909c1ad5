package queueapi

import (
	"context"
	"sync"
	"time"

	"fnstore/kit/queue"
	"fnstore/kit/queue/circuit"
)

// keepNumbers is how long the numbers of the queue are good for: reading them
// takes a second when a million messages wait.
const keepNumbers = time.Second

// readTime bounds one reading.
const readTime = 10 * time.Second

// Numbers reads the queue's numbers for all who ask at once. It is safe for
// concurrent use.
type Numbers struct {
	db queue.DB

	mu   sync.Mutex
	last []Function
	at   time.Time
	took time.Duration
}

// NewNumbers gives Numbers of the queue in db.
func NewNumbers(db queue.DB) *Numbers { return &Numbers{db: db} }

// Read gives each function's numbers and when they were read: now, or a moment
// ago, so that no more than half of the time goes into reading.
func (n *Numbers) Read(ctx context.Context) ([]Function, time.Time, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.at) < max(keepNumbers, n.took) {
		return n.last, n.at, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	begun := time.Now()
	stats, err := queue.ReadStats(ctx, n.db)
	if err != nil {
		return nil, time.Time{}, err
	}
	circuits, err := circuit.List(ctx, n.db)
	if err != nil {
		return nil, time.Time{}, err
	}
	of := map[string]*circuit.Circuit{}
	for i := range circuits {
		of[circuits[i].Function] = &circuits[i]
	}
	list := make([]Function, len(stats))
	for i, s := range stats {
		list[i] = Function{
			Function: s.Function, Waiting: s.Waiting, InFlight: s.InFlight, AgeSeconds: s.Age.Seconds(),
			Attempts: s.Attempts, Dead: s.Dead, Circuit: of[s.Function],
		}
	}
	n.last, n.at, n.took = list, time.Now(), time.Since(begun)
	return list, n.at, nil
}

// forget has the next reader read anew: something was changed.
func (n *Numbers) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at = time.Time{}
}

// Stopped gives the functions whose messages do not flow, each open or paused.
func (n *Numbers) Stopped(ctx context.Context) (map[string]string, error) {
	circuits, err := circuit.List(ctx, n.db)
	if err != nil {
		return nil, err
	}
	of := map[string]string{}
	for _, c := range circuits {
		of[c.Function] = string(c.State)
	}
	return of, nil
}
