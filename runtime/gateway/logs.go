package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	plogs "github.com/openfaas/faas-provider/logs"

	"fnstore/kit/fault"
)

// logs streams lines as JSON, one object a line, flushed one by one.
func (g *Gateway) logs(w http.ResponseWriter, r *http.Request) error {
	req, err := logRequest(r.URL.Query())
	if err != nil {
		return err
	}
	id, err := logCall(r.URL.Query())
	if err != nil {
		return err
	}
	tail := req.Tail
	if id != "" {
		req.Tail = 0 // of the call's lines, which are found here
	}
	if _, err := g.cfg.Provider.Get(r.Context(), req.Name); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	lines, err := g.cfg.Logs.Query(ctx, req)
	if err != nil {
		return err
	}
	if id != "" {
		if req.Follow {
			tail = 0 // where the old lines end cannot be seen; a call has few
		}
		lines = ofCall(ctx, lines, id, tail)
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	_ = out.Flush()
	enc := json.NewEncoder(w)
	for m := range lines {
		if enc.Encode(m) != nil || out.Flush() != nil {
			return nil // the reader has gone
		}
	}
	return nil
}

// logRequest reads the query. When a key repeats, the last counts.
func logRequest(q url.Values) (plogs.Request, error) {
	last := func(key string) string {
		if v := q[key]; len(v) > 0 {
			return v[len(v)-1]
		}
		return ""
	}
	bad := func(key string) error {
		return fault.New(fault.Unprocessable, "bad_log_request", "could not parse the log request: %s=%q", key, last(key))
	}
	name, _, err := target(last("name"))
	if err != nil {
		return plogs.Request{}, err
	}
	req := plogs.Request{Name: name, Namespace: Namespace, Instance: last("instance")}
	if err := checkNamespace(last("namespace")); err != nil {
		return req, err
	}
	if v := last("tail"); v != "" {
		if req.Tail, err = strconv.Atoi(v); err != nil {
			return req, bad("tail")
		}
	}
	req.Follow, _ = strconv.ParseBool(last("follow"))
	if v := last("since"); v != "" {
		since, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return req, bad("since")
		}
		req.Since = &since
	}
	return req, nil
}

// logCall reads the parameter call_id, which is our own.
func logCall(q url.Values) (string, error) {
	ids := q["call_id"]
	if len(ids) == 0 {
		return "", nil
	}
	if id := ids[len(ids)-1]; goodCallID(id) {
		return id, nil
	}
	return "", fault.New(fault.Unprocessable, "bad_log_request", "could not parse the log request: call_id is no call id")
}

// ofCall passes on the lines that name the call, the last tail of them when
// tail is positive. A function writes the id where it likes: the text counts.
func ofCall(ctx context.Context, lines <-chan plogs.Message, id string, tail int) <-chan plogs.Message {
	out := make(chan plogs.Message)
	go func() {
		defer close(out)
		var last []plogs.Message
		pass := func(m plogs.Message) bool {
			select {
			case out <- m:
				return true
			case <-ctx.Done():
				return false
			}
		}
		for m := range lines {
			switch {
			case !strings.Contains(m.Text, id):
			case tail > 0:
				if last = append(last, m); len(last) > tail {
					last = last[1:]
				}
			case !pass(m):
				return
			}
		}
		for _, m := range last {
			if !pass(m) {
				return
			}
		}
	}()
	return out
}
