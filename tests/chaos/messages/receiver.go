package messages

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/runtime/services/servicestest"
	"fnstore/tests/chaos/messages/plan"
)

// receiver is the functions. Each message has one effect: a row, in a database
// that nothing breaks. Calls fail before the effect and after it, and some
// messages can never succeed.
type receiver struct {
	socket string
	db     *pgxpool.Pool
	chance func() float64
	outage atomic.Bool  // all calls fail
	down   atomic.Value // string: the function whose calls fail
	hang   atomic.Value // string: the node whose calls take long, until the same message comes again

	// Mutants of a function.
	twice bool // the effect has no unique key
	skip  bool // a message that was seen before is skipped, although its effect failed

	mu      sync.Mutex
	calls   map[string]*receipt        // under way, by call id
	attempt map[string]int             // the highest that a call had, by call id
	orphans map[string]time.Time       // whose worker was killed then, and no worker since
	again   []time.Duration            // from a worker's death to the next call
	arrived map[string]int             // calls, by function
	waited  map[string][]time.Duration // from the sender to the first call
}

// receipt is a call under way.
type receipt struct {
	node       string
	superseded chan struct{} // closed when the same message comes again
}

// message is what the body says.
type message struct {
	Group string `json:"group"`
	Seq   int64  `json:"seq"` // within the group
	Bad   bool   `json:"bad"` // it can never succeed

	Function string    `json:"function"`
	Sent     time.Time `json:"sent"`
}

const schema = `
create table effect (n bigserial primary key, id text not null, grp text not null, seq bigint not null);
create table received (id text primary key);`

func openReceiver(t *testing.T, chance *rand.Rand, twice, skip bool) *receiver {
	t.Helper()
	var mu sync.Mutex
	r := &receiver{
		socket: filepath.Join(t.TempDir(), "f"), twice: twice, skip: skip, calls: map[string]*receipt{}, attempt: map[string]int{}, orphans: map[string]time.Time{},
		arrived: map[string]int{}, waited: map[string][]time.Duration{},
		chance: func() float64 { mu.Lock(); defer mu.Unlock(); return chance.Float64() },
	}
	var err error
	if r.db, err = pgxpool.New(t.Context(), servicestest.Postgres(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.db.Close)
	sql := schema
	if !twice {
		sql += "create unique index once on effect (id);"
	}
	if _, err := r.db.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: r}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return r
}

// supersededPause is longer than a stopped worker needs to read what became of
// its own call and to write it, so that it writes before the newer call ends.
const supersededPause = 4 * time.Second

// hangTime is longer than a stopped worker stands still.
const hangTime = 15 * time.Second

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	id := req.Header.Get("X-Call-Id")
	var m message
	if err := json.NewDecoder(req.Body).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	attempt, _ := strconv.Atoi(req.Header.Get("X-Fnstore-Attempt"))
	c, newer := r.arrive(id, req.Header.Get(plan.Node), attempt)
	r.count(m, attempt == 1)
	defer r.leave(id, c)
	if newer {
		time.Sleep(supersededPause)
	}
	// A function that has begun goes on when its caller has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(req.Context()), 20*time.Second)
	defer cancel()
	if r.skip {
		tag, err := r.db.Exec(ctx, "insert into received (id) values ($1) on conflict do nothing", id)
		if err == nil && tag.RowsAffected() == 0 {
			return
		}
	}
	x := r.chance()
	switch {
	case m.Bad:
		r.forget(id) // sent again, its attempts begin anew
		http.Error(w, "it can never succeed", http.StatusUnprocessableEntity)
		return
	case r.outage.Load() || r.down.Load() == m.Function || x < 0.02:
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	case x < 0.03:
		panic(http.ErrAbortHandler)
	case x < 0.05:
		time.Sleep(300 * time.Millisecond)
	}
	wait := time.Duration(0)
	if r.hang.Load() == c.node {
		wait = hangTime
	}
	select {
	case <-time.After(wait):
	case <-c.superseded:
	}
	select {
	case <-c.superseded:
		http.Error(w, "an old call of this message", http.StatusUnprocessableEntity)
		return
	default:
	}
	if err := r.effect(ctx, id, m); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	if x > 0.99 {
		panic(http.ErrAbortHandler) // after the effect
	}
}

func (r *receiver) effect(ctx context.Context, id string, m message) error {
	sql := "insert into effect (id, grp, seq) values ($1, $2, $3)"
	if !r.twice {
		sql += " on conflict do nothing"
	}
	_, err := r.db.Exec(ctx, sql, id, m.Group, m.Seq)
	return err
}

// arrive notes a call. The message may have been under way already, in the hands
// of a worker that was stopped: that call ends as one that can never succeed. So
// does one that a stopped worker makes when it goes on, after the message was
// another's: each lost lease is an attempt, so its number is a lower one.
func (r *receiver) arrive(id, node string, attempt int) (c *receipt, newer bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if attempt < r.attempt[id] {
		c = &receipt{node: node, superseded: make(chan struct{})}
		close(c.superseded)
		return c, false
	}
	r.attempt[id] = attempt
	if at, ok := r.orphans[id]; ok {
		r.again = append(r.again, time.Since(at))
		delete(r.orphans, id)
	}
	old := r.calls[id]
	if old != nil {
		close(old.superseded)
	}
	c = &receipt{node: node, superseded: make(chan struct{})}
	r.calls[id] = c
	return c, old != nil
}

func (r *receiver) count(m message, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrived[m.Function]++
	if first {
		r.waited[m.Function] = append(r.waited[m.Function], time.Since(m.Sent))
	}
}

// figures gives the calls of a function since the last time that it was asked, and
// how long ninety-nine of a hundred messages waited for their call at most.
func (r *receiver) figures(function string) (calls int, p99 time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls = r.arrived[function]
	if w := r.waited[function]; len(w) > 0 {
		slices.Sort(w)
		p99 = w[len(w)*99/100]
	}
	delete(r.arrived, function)
	delete(r.waited, function)
	return calls, p99
}

func (r *receiver) leave(id string, c *receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls[id] == c {
		delete(r.calls, id)
	}
}

func (r *receiver) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.attempt, id)
}

// killed notes that a worker was killed: its calls are to come again. Those that
// wait for that already are waited for no longer, since this worker may have had
// them; that none is lost is seen by their effects.
func (r *receiver) killed(node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.orphans)
	for id, c := range r.calls {
		if c.node == node {
			r.orphans[id] = time.Now()
			delete(r.calls, id) // nobody waits for it any more
		}
	}
}

// longest is the longest that a killed worker's message waited, in how many.
func (r *receiver) longest() (most time.Duration, n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.orphans) > 0 {
		err = errors.New("a killed worker's message did not come again")
	}
	for _, d := range r.again {
		most = max(most, d)
	}
	return most, len(r.again), err
}
