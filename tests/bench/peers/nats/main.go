// Command nats runs a closed loop through NATS JetStream with an embedded server
// that syncs every write, so that its yes means as much as a commit: callers
// publish one message at a time, workers call a function for each and
// acknowledge. It prints how many there were, the seconds from the first publish
// to the last acknowledgement, and the median publish in milliseconds. It does
// not know whom it is compared with.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const workers = 64

func main() {
	length := flag.Duration("for", 8*time.Second, "of submitting")
	submitters := flag.Int("submitters", 16, "callers at once")
	flag.Parse()
	if err := run(context.Background(), os.Getenv("PEER_CALL"), *length, *submitters); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, length time.Duration, submitters int) error {
	dir, err := os.MkdirTemp("", "nats-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	srv, err := server.NewServer(&server.Options{
		JetStream: true, StoreDir: dir, SyncAlways: true, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return err
	}
	srv.Start()
	defer srv.Shutdown()
	if !srv.ReadyForConnections(30 * time.Second) {
		return fmt.Errorf("the server does not start")
	}
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "calls", Subjects: []string{"call"}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return err
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "worker", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1000})
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	var done atomic.Int64
	free := make(chan struct{}, workers)
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		free <- struct{}{}
		go func() {
			defer func() { <-free }()
			res, err := client.Post(url, "text/plain", bytes.NewReader(m.Data()))
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK && m.DoubleAck(ctx) == nil { // durable, as a commit is
				done.Add(1)
			}
		}()
	}, jetstream.PullMaxMessages(256))
	if err != nil {
		return err
	}
	defer consuming.Stop()
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
				if _, err := js.Publish(ctx, "call", body); err != nil {
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
			return fmt.Errorf("%d of %d messages are done", done.Load(), len(took))
		}
		time.Sleep(time.Millisecond)
	}
	elapsed := time.Since(begun)
	slices.Sort(took)
	fmt.Println(len(took), elapsed.Seconds(), float64(took[len(took)/2].Microseconds())/1000)
	return nil
}
