package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/connectors/hook"
	"fnstore/kit/caller"
	"fnstore/kit/queue"
	"fnstore/runtime/delivery"
	"fnstore/runtime/gateway"
	"fnstore/runtime/image"
	"fnstore/runtime/image/registry"
	"fnstore/runtime/logs"
	"fnstore/runtime/objects"
	"fnstore/runtime/process"
	"fnstore/runtime/secrets"
	"fnstore/runtime/services"
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

	registryAddr string
	pg           *services.Postgres
	redis        *services.Redis
	pool         *pgxpool.Pool
	objects      *objects.Store
	s3Addr       string
	backend      *process.Backend
	gatewayAddr  string
	metricsAddr  string

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
	st.creds = credentials{st.set.path("credentials")}
	if st.vault, err = secrets.Open(st.set.path("secrets")); err != nil {
		return err
	}
	if err := eventKey(st.vault); err != nil {
		return err
	}
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
	var building, serving error
	var both sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	both.Go(func() {
		if building = buildAll(ctx, st.file, st.set, st.registryAddr, st.bars); building != nil {
			cancel()
		}
	})
	both.Go(func() {
		if serving = st.startServices(ctx); serving != nil {
			cancel()
		}
	})
	both.Wait()
	if building != nil && !errors.Is(building, context.Canceled) {
		return building
	}
	if err := errors.Join(serving, building); err != nil {
		return err
	}
	if err := st.startObjects(ctx); err != nil {
		return err
	}
	if err := st.startFunctions(ctx); err != nil {
		return err
	}
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

// serve runs a server on the listener until the store stops.
func (st *store) serve(l net.Listener, part string, h http.Handler) {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().With("part", part).Handler(), slog.LevelInfo),
	}
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
	st.registryAddr = l.Addr().String()
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
		ran, err := migrateAll(ctx, st.pg.URL(), st.file, st.vault)
		if err != nil {
			return "", err
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

// startObjects opens the object store: what happens there becomes messages in
// the same transaction.
func (st *store) startObjects(ctx context.Context) error {
	l, err := listen(st.set.S3Port)
	if err != nil {
		return err
	}
	st.s3Addr = l.Addr().String()
	admin, err := st.creds.get(s3AdminSecret)
	if err != nil {
		_ = l.Close()
		return err
	}
	keys, buckets, watchers, err := s3Access(st.file, st.vault, admin, st.s3Addr)
	if err != nil {
		_ = l.Close()
		return err
	}
	st.objects, err = objects.Open(ctx, objects.Config{
		Pool: st.pool, Dir: st.set.path("objects"), Keys: keys,
		OnChange: func(ctx context.Context, tx pgx.Tx, ev objects.Event) error {
			o := hook.Object{
				Event: ev.Name, Source: "fnstore:s3", Bucket: ev.Bucket, Key: ev.Key, ETag: ev.ETag,
				Size: ev.Size, Sequencer: ev.Sequencer, At: ev.At, CallID: ev.CallID,
			}
			if !o.Created() {
				return nil
			}
			_, err := hook.Emit(ctx, tx, watchers, o)
			return err
		},
		AfterChange: func(objects.Event) {
			if err := queue.Notify(context.WithoutCancel(ctx), st.pool); err != nil {
				slog.Warn("could not wake the queue; it looks again within a second", "cause", err)
			}
		},
	})
	if err != nil {
		_ = l.Close()
		return err
	}
	st.onStop(func(context.Context) { logStop("objects", st.objects.Close()) })
	for _, b := range buckets {
		if err := st.objects.MakeBucket(ctx, b); err != nil {
			_ = l.Close()
			return err
		}
	}
	sweeping, stopSweeping := context.WithCancel(context.Background())
	go st.objects.SweepEvery(sweeping, time.Hour)
	st.onStop(func(context.Context) { stopSweeping() })
	st.serve(l, "s3", st.objects.Handler())
	return nil
}

// startFunctions opens the gateway, deploys the stack file's functions and
// starts delivery once they are there.
func (st *store) startFunctions(ctx context.Context) error {
	written, err := logs.Open(st.set.path("logs"))
	if err != nil {
		return err
	}
	sockets, err := os.MkdirTemp("", "fnstore-")
	if err != nil {
		return err
	}
	st.onStop(func(context.Context) { _ = os.RemoveAll(sockets) })
	st.backend, err = process.Open(ctx, process.Config{
		Dir: st.set.path("functions"), RunDir: st.set.path("run"), SockDir: sockets,
		Secrets: st.vault, Logs: written, Unprivileged: os.Geteuid() == 0,
		Fetch: func(ctx context.Context, ref string) (process.Binary, error) {
			u, err := image.Unpack(ctx, ref, st.set.path("unpacked"))
			return process.Binary{Path: u.Binary, Digest: u.Digest, Env: u.Env}, err
		},
	})
	if err != nil {
		return err
	}
	st.onStop(func(context.Context) { st.backend.Close() })

	if err := st.startGateway(written); err != nil {
		return err
	}
	for _, fn := range st.file.Functions {
		d, err := fn.Deployment(st.file.Dir)
		if err != nil {
			return fmt.Errorf("deploy %s: %w", fn.Name, err)
		}
		if err := st.backend.Deploy(ctx, d); err != nil {
			return fmt.Errorf("deploy %s: %w", fn.Name, err)
		}
	}
	if err := st.awaitFunctions(ctx); err != nil {
		return err
	}
	return st.startDelivery(ctx)
}

// awaitFunctions returns when every function of the stack file can serve.
func (st *store) awaitFunctions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, process.StartTimeout)
	defer cancel()
	for _, fn := range st.file.Functions {
		_, release, err := st.backend.Acquire(ctx, fn.Name)
		if err != nil {
			return fmt.Errorf("%s does not start; see fnstore logs %s: %w", fn.Name, fn.Name, err)
		}
		release()
	}
	return nil
}

func (st *store) startGateway(written *logs.Store) error {
	password, err := st.creds.get(gatewayPassword)
	if err != nil {
		return err
	}
	main, err := listen(st.set.GatewayPort)
	if err != nil {
		return err
	}
	metrics, err := listen(st.set.MetricsPort)
	if err != nil {
		_ = main.Close()
		return err
	}
	st.gatewayAddr, st.metricsAddr = main.Addr().String(), metrics.Addr().String()
	g := gateway.New(gateway.Config{
		Provider: st.backend, Secrets: st.vault, Logs: written, User: adminUser, Password: password,
		Version: version, Commit: commit, System: queueRoutes(st.pool),
	})
	st.serve(main, "gateway", g)
	st.serve(metrics, "metrics", g.Metrics())
	return nil
}

// concurrency is how many deliveries of a function run at once when its
// annotation fnstore.concurrency says nothing.
const concurrency = 10

func (st *store) startDelivery(ctx context.Context) error {
	d, err := delivery.Open(ctx, delivery.Config{
		Postgres: st.pg.URL(),
		Gateway:  "http://" + st.gatewayAddr,
		EventKey: func() (string, error) { b, err := st.vault.Read(caller.Secret); return string(b), err },
		Functions: func(ctx context.Context) ([]delivery.Function, error) {
			list, err := st.backend.List(ctx)
			if err != nil {
				return nil, err
			}
			functions := make([]delivery.Function, len(list))
			for i, f := range list {
				functions[i] = delivery.Function{Name: f.Name, Concurrency: concurrency}
				if f.Annotations == nil {
					continue
				}
				if n, err := strconv.Atoi((*f.Annotations)["fnstore.concurrency"]); err == nil && n > 0 {
					functions[i].Concurrency = n
				}
			}
			return functions, nil
		},
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { d.Run(running); close(done) }()
	st.onStop(func(context.Context) { stop(); <-done })
	return nil
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
	return writeEnv(st.set.path("env"), []variable{
		{"OPENFAAS_URL", "http://" + st.gatewayAddr},
		{"OPENFAAS_PASSWORD_FILE", password},
		{"FNSTORE_METRICS_URL", "http://" + st.metricsAddr + "/metrics"},
		{"FNSTORE_REGISTRY", st.registryAddr},
		{"POSTGRES_URL", st.pg.URL()},
		{"REDIS_URL", st.redis.URL()},
		{"S3_ENDPOINT", "http://" + st.s3Addr},
		{"S3_ACCESS_KEY", s3Admin},
		{"S3_SECRET_KEY", admin},
	})
}
