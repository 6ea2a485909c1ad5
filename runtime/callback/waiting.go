package callback

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
)

// lookEvery is how often it is looked which hosts messages wait for, when
// somebody asks.
const lookEvery = time.Minute

// Waiting gives the functions under which callbacks may wait: those of the hosts
// that are allowed, and of hosts that no longer are, whose messages have to end
// as dead letters and not to wait for ever. It is safe for concurrent use.
type Waiting struct {
	db      queue.DB
	allowed []string

	mu    sync.Mutex
	names []string
	at    time.Time
}

// NewWaiting gives the functions for these hosts and the queue in db.
func NewWaiting(db queue.DB, h Hosts) *Waiting {
	allowed := h.Functions()
	return &Waiting{db: db, allowed: allowed, names: allowed}
}

// Functions gives the names. When the queue cannot be asked they are those of
// the last time, with the error.
func (w *Waiting) Functions(ctx context.Context) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.at) < lookEvery {
		return w.names, nil
	}
	w.at = time.Now()
	rows, err := w.db.Query(ctx, everyFunctionSQL)
	if err != nil {
		return w.names, fmt.Errorf("look for callbacks: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return w.names, fmt.Errorf("look for callbacks: %w", err)
	}
	w.names = slices.Clone(w.allowed)
	for _, fn := range all {
		if strings.HasPrefix(fn, Prefix) && !slices.Contains(w.allowed, fn) {
			w.names = append(w.names, fn)
		}
	}
	return w.names, nil
}

// Look has the next caller look anew: dead letters were sent again.
func (w *Waiting) Look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = time.Time{}
}

// The functions that have messages, one step into the index for each.
const everyFunctionSQL = `
with recursive f as (
    (select fn from queue.message where not blocked order by fn limit 1)
    union all
    select (select m.fn from queue.message m where not m.blocked and m.fn > f.fn order by m.fn limit 1) from f where f.fn is not null
)
select fn from f where fn is not null`
