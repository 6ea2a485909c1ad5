// Package traceapi serves what an operator asks of calls: the journey of one as a
// waterfall of steps with the log's lines between them, and which calls were slow
// or failed lately. It puts together what the store remembers of steps, what the
// queue's tables keep of messages and what functions wrote to their logs. It does
// not know who may ask.
package traceapi

import (
	"context"
	"net/http"

	"github.com/openfaas/faas-provider/logs"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
	"fnstore/runtime/gateway"
	"fnstore/runtime/spans"
)

// API is what the routes act on.
type API struct {
	Ring *spans.Ring
	DB   queue.DB
	Logs logs.Requester // nil: waterfalls without lines
}

// Routes gives the routes, which are below prefix: /system for programs, and
// another one for the page.
func (a API) Routes(prefix string) []gateway.Route {
	return []gateway.Route{
		{Pattern: "GET " + prefix + "/traces", Serve: a.list},
		{Pattern: "GET " + prefix + "/traces/{call}", Serve: a.show},
	}
}

func (a API) show(w http.ResponseWriter, r *http.Request) error {
	t, err := a.Of(r.Context(), r.PathValue("call"))
	if err != nil {
		return err
	}
	return wire.JSON(w, http.StatusOK, t)
}

func (a API) list(w http.ResponseWriter, r *http.Request) error {
	which := r.URL.Query().Get("which")
	if which != "" && which != "failed" && which != "slow" {
		return fault.New(fault.Invalid, "bad_choice", "which is failed, slow or nothing")
	}
	return wire.JSON(w, http.StatusOK, a.Recent(which))
}

// GoodID reports what the gateway takes as a call id.
func GoodID(id string) bool {
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

// Of gives the journey that the call was part of; fault.NotFound when nothing is
// known of it.
func (a API) Of(ctx context.Context, callID string) (Trace, error) {
	missing := fault.New(fault.NotFound, "trace_not_found", "nothing is known of the call %.80q: the store remembers the last %d calls, and messages for 14 days", callID, spans.Keep)
	if !GoodID(callID) {
		return Trace{}, missing
	}
	b := builder{callID: callID, seen: map[string]bool{}, deliveries: map[delivery]bool{}}
	b.take(a.Ring, callID)
	// A message is known by its call id; those that it caused by what is remembered.
	for range maxHops {
		ids := b.unread()
		if len(ids) == 0 {
			break
		}
		records, err := queue.Records(ctx, a.DB, ids)
		if err != nil {
			return Trace{}, err
		}
		b.messages(a.Ring, records)
	}
	if len(b.steps) == 0 {
		return Trace{}, missing
	}
	t := b.trace()
	if a.Logs != nil {
		if err := a.addLogs(ctx, &t); err != nil {
			return Trace{}, err
		}
	}
	return t, nil
}

// maxHops is how often the queue is asked for calls that were found meanwhile.
const maxHops = 4
