package main

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/openfaas/faas-provider/types"
	"github.com/prometheus/client_golang/prometheus"

	"fnstore/kit/caller"
	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/eventapi"
	"fnstore/runtime/gateway"
	"fnstore/runtime/ingress"
	"fnstore/runtime/logs"
	"fnstore/runtime/queueapi"
	"fnstore/runtime/scrape"
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
	public := st.public
	if public == nil {
		if public, err = st.ingress.Listen(); err != nil {
			return err
		}
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
	st.logs = written
	numbers := queueapi.NewNumbers(st.pool)
	var g *gateway.Gateway
	functions := func(ctx context.Context) ([]types.FunctionStatus, error) { return g.Functions(ctx) } // with their calls
	page, err := ui.New(ui.Config{
		Functions: functions,
		Progress: func(ctx context.Context, callID string) (queue.Progress, error) {
			return queue.Find(ctx, st.pool, callID)
		},
		S3:         "http://" + s3Admin + ":" + admin + "@" + st.s3Addr,
		Uploads:    photos(st.file).from,
		Thumbnails: photos(st.file).to,
		Gateway:    st.internalURL,
		Sign: func(h http.Header, method, target string, body []byte) error {
			key, err := st.vault.Read(caller.Secret)
			if err == nil {
				caller.Sign(h, string(key), method, target, body, time.Now())
			}
			return err
		},
		Queues:  numbers.Stopped,
		Queue:   queueapi.Routes("/ui", st.queueConfig(), numbers),
		Events:  st.eventRoutes().Routes(ui.EventData),
		Traces:  st.traceRoutes().Routes(ui.EventData),
		Version: version,
	})
	if err != nil {
		_, _, _ = public.Close(), internal.Close(), metrics.Close()
		return err
	}
	enqueue := st.startSender()
	g = gateway.New(gateway.Config{
		Provider: notifyingProvider{st.functions, &st.changes},
		Secrets:  st.vault, Logs: written, User: adminUser, Password: password,
		Backend: st.set.Backend, Version: version, Commit: commit, UI: page, System: st.systemRoutes(numbers, functions),
		Metrics: []prometheus.Collector{queueapi.Collector(numbers, metricsLabel), eventapi.Collector(&st.eventMetrics), scrape.Collector(st.metricsSources)},
		Record:  st.spans.Record,
		Scheme:  ingress.Scheme, Enqueue: enqueue, Publish: st.publisher(enqueue), Callback: st.callbacks.hosts.Check,
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
	st.run(gateway.CutStalled(public, gateway.DefaultStall), "gateway", st.ingress.Server(server("gateway", g)))
	st.serve(internal, "internal gateway", g)
	st.serve(metrics, "metrics", g.Metrics())
	return nil
}

// metricsSources are the replicas whose metrics the store collects.
func (st *store) metricsSources() (list []scrape.Source) {
	for _, s := range st.functions.MetricsSources() {
		list = append(list, scrape.Source(s))
	}
	return list
}

// systemRoutes are the routes below /system that are not OpenFaaS'.
func (st *store) systemRoutes(numbers *queueapi.Numbers, functions lister) []gateway.Route {
	return slices.Concat(st.queueRoutes(numbers), st.changes.withNotify(versionRoutes(st.functions)), st.eventRoutes().Routes("/system"), st.traceRoutes().Routes("/system"), st.statusRoutes(numbers, functions), st.rotator.routes())
}

// eventRoutes are what an operator asks of the connectors.
func (st *store) eventRoutes() eventapi.API {
	return eventapi.API{DB: st.pool, Functions: st.deployedFunctions, Record: st.spans.Record, Changed: func() {
		st.changes.notify() // connectors look again
		if d := st.delivery.Load(); d != nil {
			d.Announce()
		}
		if err := queue.Notify(context.Background(), st.pool); err != nil {
			slog.Debug("notify the queue", "cause", err)
		}
	}}
}
