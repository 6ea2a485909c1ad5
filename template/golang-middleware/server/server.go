// Package server is the function server: one process that serves an HTTP
// handler under the contract of an OpenFaaS function (health, readiness, time
// and concurrency limits, draining, one log line per request). It is copied
// into a function's module when that is built, so it uses the standard library
// alone and language features of Go 1.16. It does not know what the function
// does.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Limits of every function server that no variable moves.
const (
	headerTimeout = 5 * time.Second // from the first byte of a request to the end of its headers
	// idleTimeout is longer than the 90 s after which Go's client gives up an
	// idle connection, so that the side that sends is the one that closes.
	idleTimeout = 120 * time.Second
	maxHeader   = 68 << 10 // bytes; a gateway in front accepts 64 KiB and adds some
)

// Options is what Run needs. Only Handler must be set.
type Options struct {
	Handler http.Handler
	Lookup  func(string) (string, bool) // settings; default os.LookupEnv
	Listen  net.Listener                // default: LISTEN_FDS, else TCP on port
	Metrics net.Listener                // default: LISTEN_FDS, else TCP on metrics_port
	Stdout  io.Writer                   // the log, whole lines in each Write; default os.Stdout
	Force   <-chan struct{}             // ends a drain at once when it is closed
}

// Main serves handler until SIGTERM or SIGINT and ends the process: with 0
// when every request was answered, else with 1. A second signal stops waiting.
// With the argument -run-healthcheck it only tells, as of-watchdog does, whether
// another process of this function takes requests.
func Main(handler http.Handler) {
	if len(os.Args) == 2 && strings.TrimLeft(os.Args[1], "-") == "run-healthcheck" {
		os.Exit(healthcheck(os.LookupEnv))
	}
	ctx, drain := context.WithCancel(context.Background())
	force := make(chan struct{})
	asked := make(chan os.Signal, 2)
	signal.Notify(asked, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-asked
		drain()
		<-asked
		close(force)
	}()
	// Without this, a write to a log pipe that nobody reads any more would kill
	// the process (see "SIGPIPE" in package os/signal).
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	if err := Run(ctx, Options{Handler: handler, Force: force}); err != nil {
		slog.Error("function server", "error", err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

// server is what all requests of one process share.
type server struct {
	settings
	handler   http.Handler
	log       *slog.Logger // rare lines
	lines     *lines       // one per request
	metrics   metrics
	gate      *gate
	inflight  atomic.Int64
	accepting atomic.Bool
}

// Run serves until ctx ends, then drains: readiness goes first, the listener
// closes, and requests in flight finish within the longer of exec_timeout and
// write_timeout. An error says that serving was impossible or that a request
// was cut off.
func Run(ctx context.Context, o Options) error {
	if o.Lookup == nil {
		o.Lookup = os.LookupEnv
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	set, warnings := readSettings(o.Lookup)
	s := &server{
		settings: set,
		handler:  o.Handler,
		log:      slog.New(slog.NewJSONHandler(o.Stdout, nil)),
		lines:    &lines{out: o.Stdout},
	}
	for _, w := range warnings {
		s.log.Warn(w)
	}
	if s.jwtAuth {
		return errors.New("jwt_auth is set, and this server cannot check tokens: it does not start rather than serve everybody; remove jwt_auth, or check tokens in the handler or before it")
	}
	ln, metrics, err := s.listen(o)
	if err != nil {
		return err
	}
	defer s.lines.flush()
	s.gate = newGate(ln, s.connections)
	web := s.web()
	// Requests wait in the listener's queue already: the first may be a probe, and
	// whoever waits for it should not have to ask twice.
	if err := s.open(); err != nil {
		s.gate.Close()
		return err
	}
	defer s.close()
	served := make(chan error, 1)
	go func() { served <- web.Serve(s.gate) }()
	if shown := s.exhibit(metrics); shown != nil {
		defer shown.Close()
	}
	s.log.Info("listening", "address", ln.Addr().String())
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	return s.drain(web, o.Force)
}

// listen finds the listeners of requests and metrics. A parent that hands over
// the one decides about the other too: many functions of one machine would
// meet on the default port of metrics.
func (s *server) listen(o Options) (requests, metrics net.Listener, err error) {
	requests, metrics = o.Listen, o.Metrics
	if requests == nil {
		if requests, metrics, err = inherited(o.Lookup); err != nil {
			return nil, nil, err
		}
	}
	if requests != nil {
		if _, said := o.Lookup("metrics_port"); !said {
			s.metricsPort = 0
		}
		return requests, metrics, nil
	}
	requests, err = net.Listen("tcp", fmt.Sprintf(":%d", s.port))
	if err != nil {
		return nil, nil, fmt.Errorf("listen on port %d: %w", s.port, err)
	}
	return requests, metrics, nil
}

// web is the HTTP server with every limit set: a client that is slow to say
// what it wants, or to take its answer, is cut off.
func (s *server) web() *http.Server {
	web := s.limits(s)
	web.ConnContext = carried
	if s.gate != nil {
		web.ConnState = s.gate.state
	}
	return web
}

func (s *server) limits(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       s.readTimeout,
		WriteTimeout:      s.writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

// drain does not wait healthcheck_interval before it begins, as of-watchdog
// does: with that variable's default the wait is as long as write_timeout.
func (s *server) drain(web *http.Server, force <-chan struct{}) error {
	s.close()
	s.log.Info("draining", "in_flight", s.inflight.Load())
	bound := s.writeTimeout
	if s.execTimeout > bound {
		bound = s.execTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	go func() {
		select {
		case <-force:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := web.Shutdown(ctx); err != nil {
		left := s.inflight.Load()
		web.Close()
		if errors.Is(err, context.Canceled) {
			err = errors.New("told twice")
		}
		return fmt.Errorf("drain: %d requests cut off: %w", left, err)
	}
	return nil
}
