package function

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/queue"
	"fnstore/kit/rest"
	"fnstore/kit/s3"
	"fnstore/kit/signed"
	"fnstore/kit/wire"
)

// Names of secrets.
const (
	databaseSecret = "ingest-pg"
	storeSecret    = "ingest-s3"
)

// Bounds and defaults.
const (
	DefaultSources   = "data/incoming/"
	DefaultTarget    = "process"
	DefaultRetention = 30 * 24 * time.Hour
	maxBody          = 1 << 20
)

// source is a bucket, or the keys in it that begin with a prefix.
type source struct{ bucket, prefix string }

// api is the function with its needs.
type api struct {
	db        *pg.DB
	store     *s3.Mounted
	sources   []source
	target    string
	retention time.Duration // of a row of the ledger
}

// Open makes the function from its environment and its secrets. It dials
// nothing; an error is one of the settings and stays.
func Open(getenv func(string) string, read func(name string) (string, error)) (http.Handler, error) {
	or := func(name, standard string) string {
		if v := strings.TrimSpace(getenv(name)); v != "" {
			return v
		}
		return standard
	}
	a := &api{
		db:     pg.Open(func() (string, error) { return read(databaseSecret) }),
		store:  s3.Mount(func() (string, error) { return read(storeSecret) }),
		target: or("ingest_target", DefaultTarget), retention: DefaultRetention,
	}
	for item := range strings.SplitSeq(or("ingest_sources", DefaultSources), ",") {
		bucket, prefix, _ := strings.Cut(strings.TrimSpace(item), "/")
		if bucket == "" {
			return nil, fmt.Errorf("ingest_sources %q: an item has no bucket", item)
		}
		a.sources = append(a.sources, source{bucket, prefix})
	}
	if s := getenv("ingest_retention"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d < time.Hour {
			return nil, fmt.Errorf("ingest_retention %q is not a duration of an hour or more, such as 720h", s)
		}
		a.retention = d
	}
	return signed.Only(maxBody, &rest.API{Name: "ingest", Routes: []rest.Route{
		{Method: "POST", Path: "/", Public: true, MaxBody: maxBody, Serve: a.receive},
		{Method: "GET", Path: "/files", Public: true, Serve: a.list},
		{Method: "GET", Path: "/files/{id}", Public: true, Serve: a.file},
	}}), nil
}

// watches reports whether an object is one of ours.
func (a *api) watches(bucket, key string) bool {
	for _, s := range a.sources {
		if bucket == s.bucket && strings.HasPrefix(key, s.prefix) {
			return true
		}
	}
	return false
}

// receive takes a notification. The event plane sends one record a message; of
// several each is tried, whatever became of the others. What is in the ledger
// stays there: when the message comes again, it is a duplicate.
func (a *api) receive(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	records, err := parse(body)
	if err != nil {
		return err
	}
	results := make([]result, 0, len(records))
	var failed error
	accepted := false
	for _, rec := range records {
		res, err := a.take(r.Context(), rec)
		log := slog.With("bucket", rec.bucket, "key", rec.key, "call_id", r.Header.Get(wire.CallID))
		if err != nil {
			log.Warn("file not taken", "code", fault.Of(err).Code, "cause", err.Error())
			if failed == nil || fault.Of(err).Kind.Retriable() {
				failed = err
			}
			continue
		}
		log.Info("file", "file_id", res.FileID, "status", res.Status, "reason", res.Reason)
		results, accepted = append(results, res), accepted || res.Status == statusAccepted
	}
	if accepted {
		if err := queue.Notify(r.Context(), a.db); err != nil { // a hint: workers look by themselves, a little later
			slog.Warn("workers were not told of a message", "cause", err.Error())
		}
	}
	if failed != nil {
		return failed
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"results": results})
}
