// Command river runs a closed loop through River: callers insert jobs one at a
// time, workers call a function for each. It prints how many there were, the
// seconds from the first insert to the last job done, and the median insert in
// milliseconds. It does not know whom it is compared with.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type job struct {
	Body []byte `json:"body"`
}

// Kind names the job for River.
func (job) Kind() string { return "call" }

type worker struct {
	river.WorkerDefaults[job]
	url    string
	client *http.Client
	done   *atomic.Int64
}

// Work makes the call.
func (w *worker) Work(ctx context.Context, j *river.Job[job]) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(j.Args.Body))
	if err != nil {
		return err
	}
	res, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", res.StatusCode)
	}
	w.done.Add(1)
	return nil
}

func main() {
	length := flag.Duration("for", 8*time.Second, "of submitting")
	submitters := flag.Int("submitters", 16, "callers at once")
	flag.Parse()
	if err := run(context.Background(), os.Getenv("PEER_POSTGRES"), os.Getenv("PEER_CALL"), *length, *submitters); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, postgres, url string, length time.Duration, submitters int) error {
	cfg, err := pgxpool.ParseConfig(postgres)
	if err != nil {
		return err
	}
	cfg.MaxConns = 24
	cfg.ConnConfig.RuntimeParams["jit"] = "off"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	var done atomic.Int64
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{url: url, done: &done, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		FetchCooldown: 5 * time.Millisecond, FetchPollInterval: time.Second, // as quick as it is known to go
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 64}}, Workers: workers,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	body := fmt.Appendf(nil, "%-200s", `{"name":"Ann"}`)
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		took []time.Duration
	)
	begun := time.Now()
	for range submitters {
		all.Go(func() {
			var mine []time.Duration
			for time.Since(begun) < length {
				t := time.Now()
				if _, err := client.Insert(ctx, job{body}, nil); err != nil {
					fmt.Fprintln(os.Stderr, err)
					break
				}
				mine = append(mine, time.Since(t))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	all.Wait()
	for done.Load() < int64(len(took)) {
		if time.Since(begun) > length+5*time.Minute {
			return fmt.Errorf("%d of %d jobs are done", done.Load(), len(took))
		}
		time.Sleep(time.Millisecond)
	}
	elapsed := time.Since(begun)
	slices.Sort(took)
	fmt.Println(len(took), elapsed.Seconds(), float64(took[len(took)/2].Microseconds())/1000)
	return client.Stop(ctx)
}
