package provider

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
)

// DefaultStartTimeout is how long a replica may take from its start, or from the
// end of its initial delay, to the first 200 of its readiness path.
const DefaultStartTimeout = 30 * time.Second

// maxStart bounds both the start timeout and the initial delay.
const maxStart = time.Hour

// Annotations that say when a replica is ready. The path and the delay are
// OpenFaaS' own names; CE and Pro spell the delay differently.
const (
	startTimeoutKey = "fnstore.start-timeout"
	healthPathKey   = "com.openfaas.health.http.path"
	delayKey        = "com.openfaas.health.http.initialDelay"
	delaySecondsKey = "com.openfaas.health.http.initialDelaySeconds"
)

// Readiness is how a replica is found to be ready.
type Readiness struct {
	Path         string        // asked with GET, ready at 200; empty: /_/ready, or /_/health of older watchdogs
	InitialDelay time.Duration // not asked before
	StartTimeout time.Duration // after the delay
}

// Limit is how long the replica may take in all.
func (r Readiness) Limit() time.Duration { return r.InitialDelay + r.StartTimeout }

// ReadinessOf reads a deployment's annotations. With an error, a fault.Invalid,
// it gives the default.
func ReadinessOf(annotations *map[string]string) (Readiness, error) {
	r := Readiness{StartTimeout: DefaultStartTimeout}
	if annotations == nil {
		return r, nil
	}
	for _, key := range []string{delaySecondsKey, delayKey, startTimeoutKey} { // initialDelay wins over initialDelaySeconds
		v, ok := (*annotations)[key]
		if !ok {
			continue
		}
		d, err := startDuration(v)
		if err != nil || d == 0 && key == startTimeoutKey {
			return Readiness{StartTimeout: DefaultStartTimeout}, fault.New(fault.Invalid, "bad_readiness",
				"validation failed: annotation %s: %q is not a duration such as 40s, or a number of seconds, of at most %s", key, v, maxStart)
		}
		if key == startTimeoutKey {
			r.StartTimeout = d
		} else {
			r.InitialDelay = d
		}
	}
	if v, ok := (*annotations)[healthPathKey]; ok {
		if _, err := url.ParseRequestURI(v); err != nil || !strings.HasPrefix(v, "/") || strings.HasPrefix(v, "//") {
			return Readiness{StartTimeout: DefaultStartTimeout}, fault.New(fault.Invalid, "bad_readiness",
				"validation failed: annotation %s: %q is not a path that begins with /", healthPathKey, v)
		}
		r.Path = v
	}
	return r, nil
}

// startDuration reads Go's syntax or a bare number of seconds.
func startDuration(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if n, e := strconv.ParseInt(v, 10, 32); e == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err == nil && (d < 0 || d > maxStart) {
		err = errors.New("out of range")
	}
	return d, err
}
