package function

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/s3"
	"fnstore/kit/signed"
	"fnstore/kit/wire"
)

// Names of secrets.
const (
	databaseSecret = "maintenance-pg"
	storeSecret    = "maintenance-s3"
)

// Bounds and defaults.
const (
	DefaultBucket = "reports"
	DefaultBatch  = 1000 // rows that one step of a clean-up removes
	maxBody       = 64 << 10
)

// api is the function with its needs.
type api struct {
	store  *s3.Mounted
	db     *pg.DB
	bucket string
	batch  int
	now    func() time.Time
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// Open makes the function from its environment and its secrets. It dials
// nothing; an error is one of the settings and stays.
func Open(getenv func(string) string, read func(name string) (string, error)) (http.Handler, error) {
	a := &api{db: pg.Open(func() (string, error) { return read(databaseSecret) }), store: s3.Mount(func() (string, error) { return read(storeSecret) }), bucket: DefaultBucket, batch: DefaultBatch, now: time.Now}
	if s := getenv("report_bucket"); s != "" {
		if a.bucket = s; !bucketName.MatchString(s) {
			return nil, fmt.Errorf("report_bucket %q is not a bucket's name", s)
		}
	}
	if s := getenv("sweep_batch"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 100_000 {
			return nil, fmt.Errorf("sweep_batch %q is not a number from 1 to 100000", s)
		}
		a.batch = n
	}
	return signed.Only(maxBody, &rest.API{Name: "maintenance", Default: "all", Routes: []rest.Route{
		{Method: "POST", Path: "/sweep", Op: "sweep", Public: true, Serve: a.run("sweep")},
		{Method: "POST", Path: "/report", Op: "report", Public: true, Serve: a.run("report")},
		{Method: "POST", Path: "/all", Op: "all", Public: true, Serve: a.run("sweep", "report")},
		{Method: "GET", Path: "/runs", Op: "list-runs", Public: true, Serve: a.runs},
		{Method: "POST", Path: "/reservations", Op: "reserve", Public: true, MaxBody: maxBody, Serve: a.reserve},
		{Method: "GET", Path: "/reservations/{id}", Op: "get-reservation", Public: true, Serve: a.reservation},
	}}), nil
}

// step is one clean-up or report of a run.
type step struct {
	Name  string   `json:"name"` // FUNCTION/NAME
	Rows  int64    `json:"rows"`
	Error string   `json:"error,omitempty"` // a code; the log has the cause
	Keys  []string `json:"keys,omitempty"`  // of what was written
	More  bool     `json:"more,omitempty"`  // there was no time, or no room, for the rest
}

// run gives a route that does all steps of some kinds. One that fails stops no
// other; then the call fails too, and what was done is done.
func (a *api) run(kinds ...string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		answer := map[string][]step{}
		failed := 0
		for _, kind := range kinds {
			began := a.now()
			do := a.sweep
			if kind == "report" {
				do = a.report
			}
			steps, err := do(r.Context())
			if err != nil {
				return pg.Fault(err)
			}
			for _, s := range steps {
				if s.Error != "" {
					failed++
				}
			}
			if err := a.note(r.Context(), kind, began, steps); err != nil {
				return pg.Fault(err)
			}
			answer[kind] = steps
		}
		if failed > 0 {
			return fault.New(fault.Unavailable, "maintenance_failed", "%d steps failed; GET /runs says which, and the log why", failed).After(10 * time.Second)
		}
		return wire.JSON(w, http.StatusOK, answer)
	}
}

func (a *api) note(ctx context.Context, kind string, began time.Time, steps []step) error {
	if steps == nil {
		steps = []step{}
	}
	text, err := json.Marshal(steps)
	if err != nil {
		return err
	}
	_, err = a.db.Exec(ctx, `insert into run (kind, started_at, steps) values ($1, $2, $3)`, kind, began, text)
	return err
}

// fail notes a step's error.
func (s *step) fail(kind string, err error) {
	f := fault.Of(pg.Fault(err))
	s.Error = f.Code
	slog.Error("maintenance", "kind", kind, "name", s.Name, "code", f.Code, "cause", err.Error())
}

// runs lists what was done, the newest first.
func (a *api) runs(w http.ResponseWriter, r *http.Request) error {
	list, err := pg.All[struct {
		Kind       string          `json:"kind"`
		StartedAt  time.Time       `json:"started_at" db:"started_at"`
		FinishedAt time.Time       `json:"finished_at" db:"finished_at"`
		Steps      json.RawMessage `json:"steps"`
	}](r.Context(), a.db, `select kind, started_at, finished_at, steps from run order by id desc limit 50`)
	if err != nil {
		return pg.Fault(err)
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"runs": list})
}
