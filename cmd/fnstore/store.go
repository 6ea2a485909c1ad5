package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/connectors/hook"
	"fnstore/kit/queue"
	"fnstore/runtime/delivery"
	"fnstore/runtime/image/registry"
	"fnstore/runtime/ingress"
	"fnstore/runtime/logs"
	"fnstore/runtime/migrate"
	"fnstore/runtime/objects"
	"fnstore/runtime/provider"
	"fnstore/runtime/secrets"
	"fnstore/runtime/services"
	"fnstore/runtime/spans"
	"fnstore/runtime/stackfile"
)

// store is everything that runs between up and Ctrl-C. Its parts are started in
// the order of the fields and stopped in the opposite one.
type store struct {
	set  *settings
	bars *progress
	file *stackfile.File

	creds credentials
	vault *secrets.Store

	images       *registry.Registry
	registryAddr string
	pg           *services.Postgres
	redis        *services.Redis
	pool         *pgxpool.Pool
	objects      *objects.Store
	s3Addr       string
	keys         *objectKeys
	watchers     hook.Watchers
	watching     func() // lets requests of S3 through
	functions    *provider.Provider
	changes      changes
	rotator      rotator
	ingress      *ingress.Ingress                  // of the gateway
	gatewayURL   string                            // for clients
	public       net.Listener                      // of the gateway, when functions had to know its port early
	internalURL  string                            // for the store itself
	delivery     atomic.Pointer[delivery.Delivery] // nil until it starts
	bodies       queue.Bodies                      // of long messages; nil: they stay in their rows
	callbacks    callbacks
	metricsAddr  string
	eventMetrics hook.Metrics // of the connectors
	spans        spans.Ring   // the steps of recent calls
	logs         *logs.Store  // of functions

	stops []func(context.Context)
}

// onStop adds what stop shall do, before all that was added earlier.
func (st *store) onStop(f func(context.Context)) { st.stops = append(st.stops, f) }

// stop ends every part and returns when nothing of the store is left running.
func (st *store) stop(ctx context.Context) {
	for len(st.stops) > 0 {
		last := st.stops[len(st.stops)-1]
		st.stops = st.stops[:len(st.stops)-1]
		last(ctx)
	}
}

// start brings the store up. On an error the caller stops what did start.
func (st *store) start(ctx context.Context) (err error) {
	if st.ingress, err = st.set.ingress(); err != nil {
		return err
	}
	if st.set.GatewayPort == 0 { // functions are told the port before anything is served there
		if st.public, err = st.ingress.Listen(); err != nil {
			return err
		}
		st.onStop(func(context.Context) { _ = st.public.Close() })
		if a, ok := st.public.Addr().(*net.TCPAddr); ok {
			st.set.GatewayPort = a.Port
		}
	}
	st.creds = credentials{st.set.path("credentials")}
	if st.vault, err = secrets.Open(st.set.path("secrets")); err != nil {
		return err
	}
	if err := generateSecrets(st.vault); err != nil {
		return err
	}
	if err := st.openCallbacks(); err != nil {
		return err
	}
	st.exportSpans()
	if err := st.startRegistry(); err != nil {
		return err
	}
	if st.file, err = st.set.stackFile(st.registryAddr); err != nil {
		return err
	}
	for _, w := range st.file.Warnings {
		slog.Warn("the stack file", "at", st.set.Stack, "warning", w.String())
	}

	// Compiling takes the processors and the services take the disk: both at once.
	// The first that fails ends the other, whose error says nothing then.
	var both sync.WaitGroup
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	both.Go(func() {
		if err := buildAll(ctx, st.file, st.set, st.registryAddr, st.bars); err != nil {
			cancel(err)
		}
	})
	both.Go(func() {
		if err := st.startServices(ctx); err != nil {
			cancel(err)
		}
	})
	both.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := st.startObjects(ctx); err != nil {
		return err
	}
	if err := st.startFunctions(ctx); err != nil {
		return err
	}
	st.startRetention()
	go debug.FreeOSMemory() // compiling and unpacking take more than all that comes
	return st.writeEnv()
}

// listen opens a loopback port; 0 takes any.
func listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("port %d is taken; each port has a setting, see fnstore up --help: %w", port, err)
	}
	return l, nil
}

// server is what every port has in common.
func server(part string, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().With("part", part).Handler(), slog.LevelInfo),
	}
}

// serve runs a server on the listener until the store stops.
func (st *store) serve(l net.Listener, part string, h http.Handler) { st.run(l, part, server(part, h)) }

// run is serve for a server that is made already.
func (st *store) run(l net.Listener, part string, srv interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
	Close() error
}) {
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("a server ended", "part", part, "cause", err)
		}
	}()
	st.onStop(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close() // followers of logs never end by themselves
		}
	})
}

func (st *store) startRegistry() error {
	l, err := listen(st.set.RegistryPort)
	if err != nil {
		return err
	}
	h, err := registry.Open(st.set.path("registry"))
	if err != nil {
		_ = l.Close()
		return err
	}
	st.images, st.registryAddr = h, l.Addr().String()
	st.serve(l, "registry", h)
	return nil
}

// startServices starts or adopts Postgres and Redis and migrates the database.
func (st *store) startServices(ctx context.Context) error {
	t := st.bars.task("postgres, redis", 4)
	note, err := func() (string, error) {
		t.now("starting")
		var pgErr, redisErr error
		var both sync.WaitGroup
		both.Go(func() {
			st.pg, pgErr = services.StartPostgres(ctx, services.Config{Dir: st.set.path("postgres"), External: st.set.Postgres, Log: slog.Default()})
		})
		both.Go(func() {
			st.redis, redisErr = services.StartRedis(ctx, services.Config{Dir: st.set.path("redis"), External: st.set.Redis, Log: slog.Default()})
		})
		both.Wait()
		st.onStop(func(ctx context.Context) {
			if st.redis != nil {
				logStop("redis", st.redis.Stop(ctx))
			}
			if st.pg != nil {
				logStop("postgres", st.pg.Stop(ctx))
			}
		})
		if err := errors.Join(pgErr, redisErr); err != nil {
			return "", err
		}
		t.now("migrating")
		ran, err := migrateStore(ctx, st.pg.URL())
		if err != nil {
			return "", err
		}
		if st.set.Postgres == "" { // the database is the store's alone
			if err := migrate.ClosePublic(ctx, st.pg.URL()); err != nil {
				return "", err
			}
		}
		if st.pool, err = pgxpool.New(ctx, st.pg.URL()); err != nil {
			return "", err
		}
		st.onStop(func(context.Context) { st.pool.Close() })
		return fmt.Sprintf("ready, %d migrations applied", ran), nil
	}()
	t.done(note, err)
	return err
}

func logStop(part string, err error) {
	if err != nil {
		slog.Error("could not stop", "part", part, "cause", err)
	}
}

func (st *store) writeEnv() error {
	admin, err := st.creds.get(s3AdminSecret)
	if err != nil {
		return err
	}
	password, err := filepath.Abs(st.creds.path(gatewayPassword))
	if err != nil {
		return err
	}
	vars := []variable{
		{"OPENFAAS_URL", st.gatewayURL},
		{"OPENFAAS_PASSWORD_FILE", password},
		{"FNSTORE_STATE", st.set.State},
		{"FNSTORE_METRICS_URL", "http://" + st.metricsAddr + "/metrics"},
		{"FNSTORE_REGISTRY", st.registryAddr},
		{"FNSTORE_BACKEND", st.set.Backend},
		{"POSTGRES_URL", st.pg.URL()},
		{"REDIS_URL", st.redis.URL()},
		{"S3_ENDPOINT", "http://" + st.s3Addr},
		{"S3_ACCESS_KEY", s3Admin},
		{"S3_SECRET_KEY", admin},
	}
	if file := st.ingress.Authority(); file != "" {
		vars = append(vars, variable{"SSL_CERT_FILE", file})
	}
	return writeEnv(st.set.path("env"), vars)
}
