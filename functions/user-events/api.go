package function

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/signed"
	"fnstore/kit/wire"
)

const databaseSecret = "user-events-pg"

// Bounds and defaults.
const (
	DefaultRetention = 30 * 24 * time.Hour
	maxBody          = 1 << 20
)

// api is the function with its needs.
type api struct {
	db        *pg.DB
	retention time.Duration // of what arrived; who a user is stays
}

// Open makes the function from its environment and its secrets. It dials
// nothing; an error is one of the settings and stays.
func Open(getenv func(string) string, read func(name string) (string, error)) (http.Handler, error) {
	a := &api{db: pg.Open(func() (string, error) { return read(databaseSecret) }), retention: DefaultRetention}
	if s := getenv("event_retention"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d < time.Minute {
			return nil, fmt.Errorf("event_retention %q is not a duration of a minute or more, such as 720h", s)
		}
		a.retention = d
	}
	return signed.Only(maxBody, &rest.API{Name: "user-events", Routes: []rest.Route{
		{Method: "POST", Path: "/", Public: true, MaxBody: maxBody, Serve: a.receive},
		{Method: "GET", Path: "/events", Public: true, Serve: a.list},
		{Method: "GET", Path: "/people/{id}", Public: true, Serve: a.person},
	}}), nil
}

// receive takes the events of one call. All of them are kept or none: when the
// call comes again, those that were kept are duplicates.
func (a *api) receive(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	events, err := parse(r.Header, body)
	if err != nil {
		return err
	}
	var done outcome
	if err := a.db.Do(r.Context(), func(tx pg.Tx) error {
		done = outcome{}
		for _, e := range events {
			if err := a.keep(r.Context(), tx, e, &done); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return pg.Fault(err)
	}
	for _, e := range events {
		// What the event says about a person stays out of the log.
		log := slog.With("source", e.source, "id", e.id, "type", e.typ, "call_id", r.Header.Get(wire.CallID))
		if e.known() {
			log.Info("event")
		} else {
			log.Warn("event of an unknown type; it is kept")
		}
	}
	return wire.JSON(w, http.StatusOK, done)
}

// outcome is what became of the events of one call.
type outcome struct {
	Accepted  int `json:"accepted"`
	Duplicate int `json:"duplicate"`
	Unknown   int `json:"unknown"` // of the accepted ones
}
