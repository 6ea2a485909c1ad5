package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/queue"
	"fnstore/tests/storetest"
)

// fn is the function that all call: hello's image under a name of its own, with
// no limit of processor time and as many calls at once as the peers make.
const (
	fn          = "noop"
	concurrency = "64"
)

const submitters = 16

// body is what the function takes, 200 bytes of it.
var body = fmt.Appendf(nil, "%-200s", `{"name":"Ann"}`)

// ours is the store's queue, as one who sends to it sees it.
type ours struct {
	store  *storetest.Store
	db     *pgxpool.Pool
	sender *queue.Sender
	client *http.Client
	told   chan struct{}
}

// open connects to a store and waits until the function answers.
func open(ctx context.Context, s *storetest.Store) (*ours, error) {
	cfg, err := pgxpool.ParseConfig(s.Postgres)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 8
	db, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	o := &ours{store: s, db: db, sender: queue.NewSender(db, nil, queue.Limits{}), told: make(chan struct{}, 1),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: submitters}}}
	go o.notify(ctx)
	if err := deploy(ctx, s); err != nil {
		db.Close()
		return nil, err
	}
	for deadline := time.Now().Add(time.Minute); ; {
		res, err := o.client.Post(s.URL+"/function/"+fn, "text/plain", bytes.NewReader(body))
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return o, nil
			}
			err = fmt.Errorf("the function answers %d", res.StatusCode)
		}
		if time.Now().After(deadline) {
			db.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			db.Close()
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// deploy makes the function.
func deploy(ctx context.Context, s *storetest.Store) error {
	system := func(method, path string, in, out any) error {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, method, s.URL+path, bytes.NewReader(text))
		if err != nil {
			return err
		}
		req.SetBasicAuth(s.User, s.Password)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode > 299 {
			return fmt.Errorf("%s %s answered %d", method, path, res.StatusCode)
		}
		if out == nil {
			return nil
		}
		return json.NewDecoder(res.Body).Decode(out)
	}
	var hello types.FunctionStatus
	if err := system(http.MethodGet, "/system/function/hello", nil, &hello); err != nil {
		return err
	}
	return system(http.MethodPost, "/system/functions", types.FunctionDeployment{
		Service: fn, Image: hello.Image, Annotations: &map[string]string{"fnstore.concurrency": concurrency, "fnstore.scale.zero": "false"},
	}, nil)
}

// Close ends the connections.
func (o *ours) Close() { o.db.Close() }

// notify tells the store's worker at most every 5 ms, as its own gateway does
// with other workers.
func (o *ours) notify(ctx context.Context) {
	for {
		select {
		case <-o.told:
		case <-ctx.Done():
			return
		}
		_ = queue.Notify(ctx, o.db) // the worker looks by itself, too
		time.Sleep(5 * time.Millisecond)
	}
}

func (o *ours) send(ctx context.Context) error {
	_, err := o.sender.Send(ctx, queue.New{Function: fn, Body: body})
	select {
	case o.told <- struct{}{}:
	default:
	}
	return err
}

// result is what came of a closed loop.
type result struct {
	n       int
	elapsed time.Duration
	p50     float64 // of accepting one, in milliseconds
}

func (r result) rate() float64 { return float64(r.n) / r.elapsed.Seconds() }

// loop has submitters send one message after the other for a time, and ends when
// all are delivered.
func (o *ours) loop(ctx context.Context, length time.Duration) (result, error) {
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		took   []time.Duration
		failed error
	)
	begun := time.Now()
	for range submitters {
		all.Go(func() {
			var mine []time.Duration
			var err error
			for err == nil && time.Since(begun) < length {
				t := time.Now()
				err = o.send(ctx)
				mine = append(mine, time.Since(t))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
			if err != nil {
				failed = err
			}
		})
	}
	all.Wait()
	if failed != nil {
		return result{}, failed
	}
	if err := o.empty(ctx, begun); err != nil {
		return result{}, err
	}
	elapsed := time.Since(begun)
	slices.Sort(took)
	return result{len(took), elapsed, float64(took[len(took)/2].Microseconds()) / 1000}, nil
}

// empty waits until no message is left of those sent since then. It looks at no
// older ones: beside an open transaction what is gone still has to be passed.
func (o *ours) empty(ctx context.Context, since time.Time) error {
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var left bool
		if err := o.db.QueryRow(ctx, `select exists (select from queue.message where fn = $1 and not blocked and visible_at >= $2)`,
			fn, since.Add(-time.Second)).Scan(&left); err != nil {
			return err
		}
		if !left {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("messages are left after 10 minutes")
		}
	}
}
