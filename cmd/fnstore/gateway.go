package main

import (
	"context"
	"net/http"
	"time"

	"github.com/openfaas/faas-provider/types"
	"github.com/prometheus/client_golang/prometheus"

	"fnstore/kit/caller"
	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/gateway"
	"fnstore/runtime/logs"
	"fnstore/runtime/queueapi"
	"fnstore/runtime/ui"
)

// startGateway opens the gateway with its page, and the metrics beside it.
func (st *store) startGateway(written *logs.Store) error {
	password, err := st.creds.get(gatewayPassword)
	if err != nil {
		return err
	}
	admin, err := st.creds.get(s3AdminSecret)
	if err != nil {
		return err
	}
	main, err := listen(st.set.GatewayPort)
	if err != nil {
		return err
	}
	metrics, err := listen(st.set.MetricsPort)
	if err != nil {
		_ = main.Close()
		return err
	}
	st.gatewayAddr, st.metricsAddr = main.Addr().String(), metrics.Addr().String()
	numbers := queueapi.NewNumbers(st.pool)
	var g *gateway.Gateway
	page, err := ui.New(ui.Config{
		Functions: func(ctx context.Context) ([]types.FunctionStatus, error) { return g.Functions(ctx) },
		Progress: func(ctx context.Context, callID string) (queue.Progress, error) {
			return queue.Find(ctx, st.pool, callID)
		},
		S3:         "http://" + s3Admin + ":" + admin + "@" + st.s3Addr,
		Uploads:    "uploads",
		Thumbnails: "thumbnails",
		Gateway:    "http://" + st.gatewayAddr,
		Sign: func(h http.Header, method, target string, body []byte) error {
			key, err := st.vault.Read(caller.Secret)
			if err == nil {
				caller.Sign(h, string(key), method, target, body, time.Now())
			}
			return err
		},
		Queues:  numbers.Stopped,
		Queue:   queueapi.Routes("/ui", st.queueConfig(), numbers),
		Version: version,
	})
	if err != nil {
		_, _ = main.Close(), metrics.Close()
		return err
	}
	g = gateway.New(gateway.Config{
		Provider: changing{st.functions, &st.changes},
		Secrets:  st.vault, Logs: written, User: adminUser, Password: password,
		Backend: st.set.Backend, Version: version, Commit: commit, UI: page, System: append(st.queueRoutes(numbers), st.changes.telling(versionRoutes(st.functions))...),
		Metrics: []prometheus.Collector{queueapi.Collector(numbers, metricsLabel)},
		Enqueue: st.startSender(), Callback: st.callbacks.hosts.Check,
		Cancel: func(ctx context.Context, callID string) (bool, error) {
			q := lease.Open(st.pool)
			q.OnEnd(st.callbacks.ended)
			found, err := q.Cancel(ctx, callID)
			if d := st.delivery.Load(); found && d != nil {
				d.Announce() // there may be a callback
			}
			return found, err
		},
	})
	st.serve(gateway.CutStalled(gateway.Limit(main, gateway.MaxConns, gateway.MaxConnsPerIP), gateway.DefaultStall), "gateway", g)
	st.serve(metrics, "metrics", g.Metrics())
	return nil
}
