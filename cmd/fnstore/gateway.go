package main

import (
	"context"
	"net/http"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/caller"
	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/gateway"
	"fnstore/runtime/ingress"
	"fnstore/runtime/logs"
	"fnstore/runtime/ui"
)

// startGateway opens the gateway with its page, and the metrics beside it. The
// store's own calls come to a port on loopback, so they need neither the public
// address nor its certificate, and a full public port does not hold them up.
func (st *store) startGateway(written *logs.Store) error {
	password, err := st.creds.get(gatewayPassword)
	if err != nil {
		return err
	}
	admin, err := st.creds.get(s3AdminSecret)
	if err != nil {
		return err
	}
	public, err := st.ingress.Listen()
	if err != nil {
		return err
	}
	internal, err := listen(0)
	if err != nil {
		_ = public.Close()
		return err
	}
	metrics, err := listen(st.set.MetricsPort)
	if err != nil {
		_, _ = public.Close(), internal.Close()
		return err
	}
	st.gatewayURL, st.internalURL, st.metricsAddr = st.ingress.URL(public), "http://"+internal.Addr().String(), metrics.Addr().String()
	var g *gateway.Gateway
	page, err := ui.New(ui.Config{
		Functions: func(ctx context.Context) ([]types.FunctionStatus, error) { return g.Functions(ctx) },
		Progress: func(ctx context.Context, callID string) (queue.Progress, error) {
			return queue.Find(ctx, st.pool, callID)
		},
		S3:         "http://" + s3Admin + ":" + admin + "@" + st.s3Addr,
		Uploads:    "uploads",
		Thumbnails: "thumbnails",
		Gateway:    st.internalURL,
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
		_, _, _ = public.Close(), internal.Close(), metrics.Close()
		return err
	}
	g = gateway.New(gateway.Config{
		Provider: notifyingProvider{st.functions, &st.changes},
		Secrets:  st.vault, Logs: written, User: adminUser, Password: password,
		Backend: st.set.Backend, Version: version, Commit: commit, UI: page, System: append(queueRoutes(st.pool), st.changes.withNotify(versionRoutes(st.functions))...),
		Scheme: ingress.Scheme, Enqueue: st.startSender(),
		Cancel: func(ctx context.Context, callID string) (bool, error) {
			return lease.Open(st.pool).Cancel(ctx, callID)
		},
	})
	st.run(gateway.CutStalled(public, gateway.DefaultStall), "gateway", st.ingress.Server(server("gateway", g)))
	st.serve(internal, "internal gateway", g)
	st.serve(metrics, "metrics", g.Metrics())
	return nil
}
