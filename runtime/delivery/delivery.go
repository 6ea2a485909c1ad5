// Package delivery carries messages from the queue to functions, through the
// gateway, and writes down how each attempt ended. It does not know what a
// message says, nor which gateway it is that it calls.
package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/spans"
)

// Times of the loops. What else there are wakes by an event; see attend.
const (
	heartbeat = 3 * time.Second      // renews the leases that are held; a lease is lease.Duration
	upkeep    = time.Hour            // partitions, old records and unused bodies
	grace     = 25 * time.Second     // of deliveries under way when told to stop
	rejoin    = time.Second          // pause after a session was lost
	announce  = 5 * time.Millisecond // other workers are told no more often
)

// Config is what a Delivery needs.
type Config struct {
	Postgres string // URL of a role that may write the schema queue
	Gateway  string // base URL, such as http://127.0.0.1:8080
	// EventKey gives the key that trusted messages are signed with; it is asked
	// at every delivery, so that a rotated key counts at once.
	EventKey func() (string, error)
	// Functions gives what may be called now; asked before every claim.
	Functions func(context.Context) ([]Function, error)
	// Ended is told of messages that end, in the same transaction; nil for nobody.
	Ended lease.Ended
	// Bodies keeps the bodies that are too long for a row; nil where there is no
	// object store.
	Bodies queue.Bodies
	// Deployed gives a function's image and digest, for the record of an attempt
	// that failed; nil where nobody knows.
	Deployed func(function string) (version, digest string)
	// LastExit gives how a replica of the function ended since then, or "": by
	// which signal, limit or status; nil where nobody knows.
	LastExit func(function string, since time.Time) string
	// Record remembers deliveries and how messages ended; nil for a worker that
	// does not.
	Record func(spans.Span)
}

// Delivery is one worker. Any number may run on one queue.
type Delivery struct {
	cfg             Config
	pool            database
	queue           *lease.Queue
	client          *http.Client
	log             *slog.Logger
	look, lookAlone time.Duration // see lookAnyway

	done     chan outcome  // attempts that ended
	stopping atomic.Bool   // the time for what is under way is over
	wake     chan struct{} // there may be something to claim
	holds    chan struct{} // a lease was taken
	ended    chan struct{} // leases were given up
	unused   chan struct{} // there may be bodies to delete
	news     chan struct{} // other workers should look

	// Of the session's goroutine alone.
	swept time.Time // when it was last seen who lives
	alone bool      // nobody else was there

	heard atomic.Int64 // notifications
	solo  atomic.Bool  // no other worker was there after the last of them

	mu    sync.Mutex
	held  map[lease.Key]*attempt
	lanes map[string]*lane
	names []string // of all functions, as of the last claim
}

// database is a pgxpool.Pool.
type database interface {
	queue.Beginner
	Reset()
	Close()
}

// Open connects to the queue's database. It does not wait for it.
func Open(ctx context.Context, cfg Config) (*Delivery, error) {
	pc, err := pgxpool.ParseConfig(cfg.Postgres)
	if err != nil {
		return nil, fmt.Errorf("delivery: %w", err)
	}
	pc.MaxConns = 4 // claim, finish, renew, upkeep
	// A connection that broke is found by the statement that fails, which is
	// tried again, and by the session, which then resets the pool: asking
	// first would be a second question for every one.
	pc.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	for k, v := range planner {
		pc.ConnConfig.RuntimeParams[k] = v
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("delivery: %w", err)
	}
	d := &Delivery{
		cfg: cfg, log: slog.Default().With("part", "delivery"), look: lookAnyway, lookAlone: lookAlone,
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		done:   make(chan outcome, 1024),
		wake:   make(chan struct{}, 1),
		holds:  make(chan struct{}, 1),
		ended:  make(chan struct{}, 1),
		unused: make(chan struct{}, 1),
		news:   make(chan struct{}, 1),
		held:   map[lease.Key]*attempt{},
		lanes:  map[string]*lane{},
	}
	d.use(pool)
	return d, nil
}

func (d *Delivery) use(db database) {
	d.pool, d.queue = db, lease.Open(db)
	d.queue.OnEnd(d.cfg.Ended)
}

// planner keeps Postgres to index scans: its estimates are made when the queue
// is empty, and a plan that suits an empty table takes a hundred times as long
// on a full one. Compiling a claim takes longer than running it.
var planner = map[string]string{
	"jit":                                 "off",
	"enable_seqscan":                      "off",
	"enable_hashjoin":                     "off",
	"enable_mergejoin":                    "off",
	"plan_cache_mode":                     "force_generic_plan",
	"application_name":                    "fnstore delivery",
	"statement_timeout":                   "30s",
	"lock_timeout":                        "10s",
	"idle_in_transaction_session_timeout": "10s",
}

// Wake has the worker look at once: a message may be there, or a function that
// was not.
func (d *Delivery) Wake() { tell(d.wake) }

// tell leaves a word for whoever reads ch, unless there is one already.
func tell(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends; then it claims no more, lets what is under way
// end within the grace, and gives back what did not.
func (d *Delivery) Run(ctx context.Context) {
	defer d.pool.Close()
	work, stopWork := context.WithCancelCause(context.Background())
	defer stopWork(errStopping)

	var loops sync.WaitGroup
	finished := make(chan struct{})
	background, stopBackground := context.WithCancel(context.Background())
	loops.Go(func() { d.finishLoop(finished) })
	loops.Go(func() { d.renewLoop(background) })
	loops.Go(func() { every(background, upkeep, d.maintain) })
	loops.Go(func() { d.deleteBodies(background) })

	for ctx.Err() == nil {
		if err := d.session(ctx, work); err != nil && ctx.Err() == nil {
			d.log.Warn("the queue's session was lost", "cause", err)
			d.cancelAll(errLeaseLost)
			d.pool.Reset() // what cost one connection has most often cost them all
			pause(ctx, rejoin)
		}
	}
	d.awaitDrained() // when the session was lost before it could
	close(finished)
	stopBackground()
	loops.Wait()
}
