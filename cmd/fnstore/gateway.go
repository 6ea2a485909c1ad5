package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/caller"
	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/gateway"
	"fnstore/runtime/logs"
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
		Version: version,
	})
	if err != nil {
		_, _ = main.Close(), metrics.Close()
		return err
	}
	g = gateway.New(gateway.Config{
		Provider: changing{st.functions, &st.changes},
		Secrets:  st.vault, Logs: written, User: adminUser, Password: password,
		Backend: st.set.Backend, Version: version, Commit: commit, UI: page, System: append(queueRoutes(st.pool), st.changes.telling(versionRoutes(st.functions))...),
		Enqueue: st.enqueue,
		Cancel: func(ctx context.Context, callID string) (bool, error) {
			return lease.Open(st.pool).Cancel(ctx, callID)
		},
	})
	st.serve(gateway.CutStalled(gateway.Limit(main, gateway.MaxConns, gateway.MaxConnsPerIP), gateway.DefaultStall), "gateway", g)
	st.serve(metrics, "metrics", g.Metrics())
	return nil
}

// enqueue commits a message and then tells the workers, who look by themselves
// should that fail.
func (st *store) enqueue(ctx context.Context, n queue.New) (queue.Accepted, error) {
	a, err := queue.Enqueue(ctx, st.pool, n)
	if err == nil {
		if err := queue.Notify(ctx, st.pool); err != nil {
			slog.DebugContext(ctx, "notify the queue", "cause", err)
		}
	}
	return a, err
}
