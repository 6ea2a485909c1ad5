package function

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/s3"
	"fnstore/kit/wire"
)

// api is the function with its needs.
type api struct {
	settings
	verify func(r *http.Request, limit int64) error
	store  *s3.Mounted
	turn   chan struct{} // one image in memory at a time
}

func newAPI(s settings, verify func(*http.Request, int64) error, store *s3.Mounted) *api {
	return &api{settings: s, verify: verify, store: store, turn: make(chan struct{}, 1)}
}

// result is what became of one record.
type result struct {
	Bucket     string      `json:"bucket"`
	Key        string      `json:"key"`
	Status     string      `json:"status"` // made or skipped
	Reason     string      `json:"reason,omitempty"`
	Thumbnails []thumbnail `json:"thumbnails,omitempty"`
}

// thumbnail is one object that was written.
type thumbnail struct {
	Key         string `json:"key"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	ContentType string `json:"content_type"`
}

// route takes a notification. The event plane sends one record a message; of
// several each is tried, whatever became of the others. What was made stays
// made: when the message comes again, it is skipped.
func (a *api) route(w http.ResponseWriter, r *http.Request) error {
	if err := a.verify(r, maxEvent); err != nil {
		return err
	}
	body, err := wire.Body(w, r, maxEvent)
	if err != nil {
		return err
	}
	records, err := parse(body)
	if err != nil {
		return err
	}
	results := make([]result, 0, len(records))
	var failed []error
	for _, rec := range records {
		rec.hops = r.Header.Get("X-Fnstore-Hops")
		began := time.Now()
		res, err := a.record(r.Context(), rec)
		log := slog.With("bucket", rec.bucket, "key", rec.key, "call_id", r.Header.Get(wire.CallID), "ms", time.Since(began).Milliseconds())
		if err != nil {
			failed = append(failed, about(rec, err))
			log.Warn("no thumbnails", "code", fault.Of(err).Code, "cause", err.Error())
			continue
		}
		log.Info("thumbnails", "status", res.Status, "reason", res.Reason)
		results = append(results, res)
	}
	if len(failed) > 0 {
		return together(failed, len(records))
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"results": results})
}

// about says in an error's sentence which object it is of. The cause is in the
// log by now, and one line is enough.
func about(rec record, err error) error {
	f := *fault.Of(err)
	f.Cause = nil
	f.Detail = fmt.Sprintf("%s/%s: %s", rec.bucket, rec.key, f.Detail)
	return &f
}

// together makes one answer of what failed. If anything may succeed later, it
// is that; else the message is a dead letter, and says everything in it that is
// wrong. Nothing that failed hides behind a 200.
func together(failed []error, of int) error {
	if of == 1 {
		return failed[0]
	}
	worst := fault.Of(failed[0])
	details := make([]string, 0, len(failed))
	for _, err := range failed {
		f := fault.Of(err)
		if f.Kind.Retriable() && !worst.Kind.Retriable() {
			worst = f
		}
		details = append(details, f.Detail)
	}
	return fault.New(worst.Kind, worst.Code, "%d of %d records failed: %s", len(failed), of, strings.Join(details, "; "))
}
