package main

import (
	"context"
	"net/http"
	"strings"

	"fnstore/kit/queue"
	"fnstore/kit/wire"
	"fnstore/runtime/callback"
	"fnstore/runtime/gateway"
	"fnstore/runtime/queueapi"
)

// queueConfig is what the operator's routes on the queue act on.
func (st *store) queueConfig() queueapi.Config {
	return queueapi.Config{
		DB:     st.pool,
		Bodies: st.bodies,
		Exists: func(ctx context.Context, function string) error {
			if strings.HasPrefix(function, callback.Prefix) {
				return nil
			}
			_, err := st.functions.Get(ctx, function)
			return err
		},
		Changed: func() {
			if d := st.delivery.Load(); d != nil { // what it needs is there, too
				st.callbacks.waiting.Look()
				d.Announce()
			}
		},
	}
}

// queueRoutes are what an operator may ask of the queue under /system.
func (st *store) queueRoutes(numbers *queueapi.Numbers) []gateway.Route {
	routes := []gateway.Route{{Pattern: "GET /system/calls/{id}", Serve: func(w http.ResponseWriter, r *http.Request) error {
		p, err := queue.Find(r.Context(), st.pool, r.PathValue("id"))
		if err != nil {
			return err
		}
		return wire.JSON(w, http.StatusOK, p)
	}}}
	for _, r := range queueapi.Routes("/system", st.queueConfig(), numbers) {
		routes = append(routes, gateway.Route{Pattern: r.Method + " " + r.Path, Serve: r.Serve})
	}
	return routes
}

// metricsLabel is a function's name in metrics. What is no function, such as the
// URL of a callback, has its own.
func metricsLabel(function string) string {
	if strings.Contains(function, ":") {
		return function
	}
	return function + "." + gateway.Namespace
}
