package server

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// settings are of-watchdog's variables that mean something in one process.
// The variable healthcheck_interval is accepted and moves nothing, since
// draining begins at once.
type settings struct {
	port         int           // port, 8080; 0 lets the system choose
	readTimeout  time.Duration // read_timeout, 30s or exec_timeout when longer; 0 means no limit
	writeTimeout time.Duration // write_timeout, likewise
	execTimeout  time.Duration // exec_timeout, 30s; 0 means no limit
	maxInflight  int64         // max_inflight, 0 means no limit
	readyPath    string        // ready_path; empty: readiness is ours alone
	suppressLock bool          // suppress_lock
	logCallID    bool          // log_call_id (of-watchdog's manual) or log_callid (its code)
	jwtAuth      bool          // jwt_auth; the server refuses to start with it
	metricsPort  int           // metrics_port, 8081; 0: none
	connections  int64         // FNSTORE_MAX_CONNECTIONS, 1024; 0 means no limit
	lock         string        // <TMPDIR or /tmp>/.lock
}

// readSettings never fails: a value that cannot be read is replaced by its
// default, as in of-watchdog, and a sentence for the log says so.
func readSettings(lookup func(string) (string, bool)) (settings, []string) {
	e := env{lookup: lookup}
	s := settings{
		port:         int(e.number("port", 8080, 65535)),
		execTimeout:  e.duration("exec_timeout", 30*time.Second, 0),
		maxInflight:  e.number("max_inflight", 0, math.MaxInt32),
		readyPath:    e.text("ready_path"),
		suppressLock: e.truth("suppress_lock"),
	}
	s.logCallID = e.truth("log_call_id")
	s.logCallID = e.truth("log_callid") || s.logCallID
	// Only a clear no is one: whoever sets it expects callers to be checked.
	switch e.text("jwt_auth") {
	case "", "false", "0":
	default:
		s.jwtAuth = true
	}
	if v, said := lookup("metrics_port"); !said || v != "" {
		s.metricsPort = int(e.number("metrics_port", 8081, 65535))
	}
	s.connections = e.number("FNSTORE_MAX_CONNECTIONS", 1024, 1<<20)
	if fits := fitting(s.connections); fits < s.connections {
		if e.text("FNSTORE_MAX_CONNECTIONS") != "" {
			e.warn("FNSTORE_MAX_CONNECTIONS", e.text("FNSTORE_MAX_CONNECTIONS"), fits)
		}
		s.connections = fits
	}
	// A function that raises exec_timeout alone, or has none, would otherwise
	// still be cut off at 30 s by the other two.
	rest := 30 * time.Second
	if s.execTimeout > rest || s.execTimeout == 0 {
		rest = s.execTimeout
	}
	s.readTimeout = e.duration("read_timeout", rest, 1)
	s.writeTimeout = e.duration("write_timeout", rest, 1)
	e.duration("healthcheck_interval", s.writeTimeout, 0)
	if s.readyPath != "" && s.readyPath[0] != '/' {
		s.readyPath = "/" + s.readyPath
	}
	dir := e.text("TMPDIR")
	if dir == "" {
		dir = "/tmp"
	}
	s.lock = filepath.Join(dir, ".lock")
	return s, e.warnings
}

type env struct {
	lookup   func(string) (string, bool)
	warnings []string
}

func (e *env) text(name string) string {
	v, _ := e.lookup(name)
	return v
}

func (e *env) warn(name, value string, used interface{}) {
	e.warnings = append(e.warnings, fmt.Sprintf("%s=%q cannot be used; using %v", name, value, used))
}

// duration reads Go's syntax or a bare number of seconds, at least min.
func (e *env) duration(name string, fallback, min time.Duration) time.Duration {
	v := e.text(name)
	if v == "" {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if n, bare := strconv.ParseInt(v, 10, 64); bare == nil {
		d, err = time.Duration(n)*time.Second, nil
		if n > int64(math.MaxInt64/time.Second) {
			err = strconv.ErrRange
		}
	}
	if err != nil || d < min {
		e.warn(name, v, fallback)
		return fallback
	}
	return d
}

func (e *env) number(name string, fallback, max int64) int64 {
	v := e.text(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || n > max {
		e.warn(name, v, fallback)
		return fallback
	}
	return n
}

// truth is of-watchdog's: only "true" and "1" are true.
func (e *env) truth(name string) bool {
	switch v := e.text(name); v {
	case "true", "1":
		return true
	case "", "false", "0":
		return false
	default:
		e.warn(name, v, false)
		return false
	}
}

// forget removes variables from the process, so that a program which the
// function starts does not act on them.
func forget(names ...string) {
	for _, n := range names {
		os.Unsetenv(n)
	}
}
