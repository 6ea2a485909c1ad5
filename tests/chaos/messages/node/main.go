// Command node is the part of a store that messages go through: the gateway's
// asynchronous calls and a delivery worker, as one process that can be killed. It
// does not know what breaks.
package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/runtime/delivery"
	"fnstore/runtime/forward"
	"fnstore/runtime/gateway"
	"fnstore/tests/chaos/messages/plan"
)

func main() {
	slog.SetLogLoggerLevel(slog.LevelError)
	go func() { // the test has gone, for whatever reason
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, os.Getenv(plan.Postgres))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", os.Getenv(plan.Listen))
	if err != nil {
		return err
	}
	worker, err := delivery.Open(ctx, delivery.Config{
		Postgres: os.Getenv(plan.Postgres),
		Gateway:  "http://" + l.Addr().String(),
		EventKey: func() (string, error) { return "a key of thirty-two bytes or more", nil },
		Functions: func(context.Context) (list []delivery.Function, err error) {
			for _, name := range plan.Functions {
				list = append(list, delivery.Describe(name, plan.Annotations, nil))
			}
			return list, nil
		},
	})
	if err != nil {
		return err
	}
	sender := queue.NewSender(pool, nil, queue.Limits{})
	g := gateway.New(gateway.Config{
		Provider: &functions{way: named{forward.ToSocket(os.Getenv(plan.Socket)), os.Getenv(plan.Name)}},
		User:     "admin", Password: "of no use here",
		Enqueue: func(ctx context.Context, n queue.New) (queue.Accepted, error) {
			if group := n.Headers[plan.Group]; len(group) > 0 {
				n.Group = group[0]
			}
			if os.Getenv(plan.EarlyAnswer) != "" { // a mutant: it answers before the commit
				go func() {
					_, _ = sender.Send(context.Background(), n)
					worker.Announce()
				}()
				return queue.Accepted{CallID: n.CallID}, nil
			}
			a, err := sender.Send(ctx, n)
			worker.Announce()
			return a, err
		},
	})
	go worker.Run(ctx)
	return http.Serve(l, g)
}

// functions is a provider of functions that are all behind one socket.
type functions struct{ way http.RoundTripper }

func (f *functions) Deploy(context.Context, types.FunctionDeployment) error { return nil }
func (f *functions) Delete(context.Context, string) error                   { return nil }
func (f *functions) Scale(context.Context, string, int) error               { return nil }
func (f *functions) List(context.Context) ([]types.FunctionStatus, error)   { return nil, nil }

func (f *functions) Get(_ context.Context, name string) (types.FunctionStatus, error) {
	for _, known := range plan.Functions {
		if name == known {
			return types.FunctionStatus{Name: name}, nil
		}
	}
	return types.FunctionStatus{}, fault.New(fault.NotFound, "function_not_found", "there is no function %q", name)
}

func (f *functions) Acquire(context.Context, string) (http.RoundTripper, func(), error) {
	return f.way, func() {}, nil
}

// named says on each call which node it came through.
type named struct {
	way  http.RoundTripper
	name string
}

func (n named) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set(plan.Node, n.name)
	return n.way.RoundTrip(r)
}
