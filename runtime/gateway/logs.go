package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
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
	if _, err := g.cfg.Provider.Get(r.Context(), req.Name); err != nil {
		return err
	}
	lines, err := g.cfg.Logs.Query(r.Context(), req)
	if err != nil {
		return err
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
