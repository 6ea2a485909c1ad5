package function

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/s3"
	"fnstore/kit/signed"
)

// Names of secrets.
const (
	databaseSecret = "process-pg"
	storeSecret    = "process-s3"
)

// Bounds and defaults.
const (
	DefaultAttempts  = 10  // of a file, until it is dead
	DefaultRejects   = 100 // rows of a file that may be bad
	DefaultPrefix    = "incoming/"
	DefaultTarget    = "topic:files"
	DefaultRetention = 30 * 24 * time.Hour // of rejects
	maxRejects       = 10_000
	maxBody          = 1 << 20
	parallel         = 2 // files that are read at once: each needs memory
	leaseTime        = 10 * time.Second
)

// target is who hears of a file that is done or dead: a topic or a function.
var target = regexp.MustCompile(`^(none|topic:[A-Za-z0-9][A-Za-z0-9._/-]*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$`)

// api is the function with its needs.
type api struct {
	db        *pg.DB
	store     *s3.Mounted
	prefix    string // of keys; the folder behind it names the table
	policy    policy
	attempts  int
	target    string // "" for nobody
	retention time.Duration
	lease     time.Duration
	turn      chan struct{} // of so many files
	metrics   *metrics
}

// policy says how many bad rows a file may have. Beyond either bound it is dead,
// and none of its rows is kept.
type policy struct {
	rows    int64
	percent float64 // of all rows; 100 means that there is no such bound
}

// Open makes the function from its environment and its secrets. It dials
// nothing; an error is one of the settings and stays.
func Open(getenv func(string) string, read func(name string) (string, error)) (http.Handler, error) {
	a, err := open(getenv, read)
	if err != nil {
		return nil, err
	}
	return signed.Only(maxBody, a.routes()), nil
}

func open(getenv func(string) string, read func(name string) (string, error)) (a *api, err error) {
	a = &api{
		db: pg.Open(func() (string, error) { return read(databaseSecret) }), store: s3.Mount(func() (string, error) { return read(storeSecret) }),
		prefix: DefaultPrefix, policy: policy{DefaultRejects, 100}, attempts: DefaultAttempts, target: DefaultTarget,
		retention: DefaultRetention, lease: leaseTime, turn: make(chan struct{}, parallel), metrics: counted,
	}
	if s := getenv("process_prefix"); s != "" {
		a.prefix = s
	}
	if s := getenv("process_reject_max"); s != "" {
		if a.policy, err = readPolicy(s); err != nil {
			return nil, err
		}
	}
	if s := getenv("process_attempts"); s != "" {
		if a.attempts, err = strconv.Atoi(s); err != nil || a.attempts < 1 || a.attempts > 1000 {
			return nil, fmt.Errorf("process_attempts %q is not a number from 1 to 1000", s)
		}
	}
	if s := getenv("process_target"); s != "" {
		if a.target = s; !target.MatchString(s) {
			return nil, fmt.Errorf("process_target %q is not topic:NAME, FUNCTION or none", s)
		}
	}
	if a.target == "none" {
		a.target = ""
	}
	if s := getenv("process_retention"); s != "" {
		if a.retention, err = time.ParseDuration(s); err != nil || a.retention < time.Hour {
			return nil, fmt.Errorf("process_retention %q is not a duration of an hour or more, such as 720h", s)
		}
	}
	return a, nil
}

// readPolicy reads a number of rows, a percentage such as 2.5%, or both with a
// comma between them.
func readPolicy(s string) (policy, error) {
	p := policy{maxRejects, 100}
	for item := range strings.SplitSeq(s, ",") {
		item = strings.TrimSpace(item)
		if part, ok := strings.CutSuffix(item, "%"); ok {
			f, err := strconv.ParseFloat(part, 64)
			if err != nil || !(f >= 0 && f <= 100) {
				return p, fmt.Errorf("process_reject_max %q: %q is not a percentage from 0%% to 100%%", s, item)
			}
			p.percent = f
			continue
		}
		n, err := strconv.ParseInt(item, 10, 64)
		if err != nil || n < 0 || n > maxRejects {
			return p, fmt.Errorf("process_reject_max %q: %q is not a number of rows from 0 to %d, nor a percentage", s, item, maxRejects)
		}
		p.rows = n
	}
	return p, nil
}

// tooMany reports whether so many bad rows of so many are too many. The
// percentage counts at the end of the file.
func (p policy) tooMany(bad, all int64, atEnd bool) bool {
	return bad > p.rows || atEnd && float64(bad) > p.percent/100*float64(all)
}

func (p policy) String() string {
	if p.percent < 100 {
		return fmt.Sprintf("%d rows and %g %%", p.rows, p.percent)
	}
	return fmt.Sprintf("%d rows", p.rows)
}

func (a *api) routes() *rest.API {
	return &rest.API{Name: "process", Routes: []rest.Route{
		{Method: "POST", Path: "/", Public: true, MaxBody: maxBody, Serve: a.batch},
		{Method: "GET", Path: "/tables", Public: true, Serve: a.tables},
		{Method: "GET", Path: "/tables/{table}", Public: true, Serve: a.rows},
		{Method: "GET", Path: "/rejects/{file}", Public: true, Serve: a.rejects},
	}}
}
