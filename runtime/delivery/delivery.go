// Package delivery carries messages from the queue to functions, through the
// gateway, and writes down how each attempt ended. It does not know what a
// message says, nor which gateway it is that it calls.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
)

// Times of the loops.
const (
	poll      = time.Second     // looks without being told
	heartbeat = 3 * time.Second // renews leases; a lease is queue.Lease
	sweep     = time.Second     // frees what dead workers held
	upkeep    = time.Hour       // partitions and old records
	keep      = 14 * 24 * time.Hour
	grace     = 25 * time.Second // of deliveries under way when told to stop
	rejoin    = time.Second      // pause after a session was lost
)

// Visibility bounds one attempt, from the claim to the answer.
const Visibility = 900 * time.Second

// Function says how a function may be called.
type Function struct {
	Name        string
	Concurrency int // deliveries at once
}

// Config is what a Delivery needs.
type Config struct {
	Postgres string // URL of a role that may write the schema queue
	Gateway  string // base URL, such as http://127.0.0.1:8080
	// EventKey gives the key that trusted messages are signed with; it is asked
	// at every delivery, so that a rotated key counts at once.
	EventKey func() (string, error)
	// Functions gives what may be called now; asked before every claim.
	Functions func(context.Context) ([]Function, error)
}

// Delivery is one worker. Any number may run on one queue.
type Delivery struct {
	cfg    Config
	pool   *pgxpool.Pool
	client *http.Client
	log    *slog.Logger

	done chan outcome // attempts that ended
	wake chan struct{}

	mu   sync.Mutex
	held map[queue.Key]*attempt
	busy map[string]int
}

// attempt is one delivery under way.
type attempt struct {
	queue.Message
	cancel context.CancelCauseFunc
}

// outcome is an attempt's end on its way to the database.
type outcome struct {
	queue.Outcome
	function string
	release  bool // give the lease back unused
}

// Why an attempt was cut off.
var (
	errLeaseLost = errors.New("the lease was lost")
	errStopping  = errors.New("the store is stopping")
)

// Open connects to the queue's database. It does not wait for it.
func Open(ctx context.Context, cfg Config) (*Delivery, error) {
	pc, err := pgxpool.ParseConfig(cfg.Postgres)
	if err != nil {
		return nil, fmt.Errorf("delivery: %w", err)
	}
	pc.MaxConns = 4 // claim, finish, renew, sweep
	for k, v := range planner {
		pc.ConnConfig.RuntimeParams[k] = v
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("delivery: %w", err)
	}
	return &Delivery{
		cfg: cfg, pool: pool, log: slog.Default().With("part", "delivery"),
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		done: make(chan outcome, 1024),
		wake: make(chan struct{}, 1),
		held: map[queue.Key]*attempt{},
		busy: map[string]int{},
	}, nil
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

// Wake has the worker look at once.
func (d *Delivery) Wake() {
	select {
	case d.wake <- struct{}{}:
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
	loops.Go(func() { every(background, heartbeat, d.renew) })
	loops.Go(func() { every(background, sweep, d.tidy) })
	loops.Go(func() { every(background, upkeep, d.maintain) })

	for ctx.Err() == nil {
		if err := d.session(ctx, work); err != nil && ctx.Err() == nil {
			d.log.Warn("the queue's session was lost", "cause", err)
			d.cancelAll(errLeaseLost)
			pause(ctx, rejoin)
		}
	}
	d.awaitDrained() // when the session was lost before it could
	close(finished)
	stopBackground()
	loops.Wait()
}

// session claims and starts deliveries for as long as its connection lives.
func (d *Delivery) session(ctx, work context.Context) error {
	cc, err := pgx.ParseConfig(d.cfg.Postgres)
	if err != nil {
		return err
	}
	cc.RuntimeParams["application_name"] = "fnstore delivery session"
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return err
	}
	s, err := queue.Join(ctx, conn)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return err
	}
	// Not ctx: the session stands behind leases until they are given back.
	listen, stopListening := context.WithCancel(context.Background())
	lost := make(chan error, 1)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for listen.Err() == nil {
			if err := s.Wait(listen, poll); err != nil {
				lost <- err
				return
			}
			d.Wake()
		}
	})
	defer func() {
		stopListening()
		waiting.Wait()
		_ = s.Leave(context.WithoutCancel(ctx))
	}()
	for {
		more, err := d.claim(ctx, work, s.ID)
		if err != nil && ctx.Err() == nil {
			d.log.Warn("could not claim messages", "cause", err)
			pause(ctx, rejoin)
		}
		if more {
			continue
		}
		select {
		case <-d.wake:
		case err := <-lost:
			return err
		case <-ctx.Done():
			d.awaitDrained()
			return nil
		}
	}
}

// claim leases what there is room for and starts it. It reports whether there
// may be more to claim at once.
func (d *Delivery) claim(ctx, work context.Context, session int32) (more bool, err error) {
	functions, err := d.cfg.Functions(ctx)
	if err != nil {
		return false, err
	}
	var want []queue.Want
	room := 0
	d.mu.Lock()
	for _, f := range functions {
		if n := f.Concurrency - d.busy[f.Name]; n > 0 {
			want = append(want, queue.Want{Function: f.Name, Room: n})
			room += n
		}
	}
	d.mu.Unlock()
	if len(want) == 0 {
		return false, nil
	}
	messages, err := queue.Claim(ctx, d.pool, session, want)
	if err != nil {
		return false, err
	}
	for _, m := range messages {
		d.start(work, m)
	}
	return len(messages) > 0 && len(messages) < room, nil
}

func (d *Delivery) start(work context.Context, m queue.Message) {
	ctx, cancel := context.WithCancelCause(work)
	a := &attempt{Message: m, cancel: cancel}
	d.mu.Lock()
	d.held[m.Key()] = a
	d.busy[m.Function]++
	d.mu.Unlock()
	go func() {
		defer cancel(nil)
		ctx, stop := context.WithTimeout(ctx, Visibility)
		defer stop()
		o := outcome{Outcome: d.deliver(ctx, m), function: m.Function}
		o.Key = m.Key()
		o.release = errors.Is(context.Cause(ctx), errStopping)
		d.done <- o
	}()
}
