package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Postgres is a server that answers.
type Postgres struct{ instance }

// owner is the superuser role and its database.
const owner = "fnstore"

// StartPostgres returns a Postgres that answers: the external one it is told of,
// the private one that still runs in c.Dir, or one that it starts there. The first
// start makes the cluster, its password, and the database fnstore.
func StartPostgres(ctx context.Context, c Config) (*Postgres, error) {
	ctx, cancel := withDefaultTimeout(ctx)
	defer cancel()
	if c.External != "" {
		return externalPostgres(ctx, c)
	}
	r, err := openDataDir(c.Dir, c.User, "postgres", "nobody")
	if err != nil {
		return nil, err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	password, err := r.password()
	if err != nil {
		return nil, err
	}
	bin, err := r.cluster(ctx, password)
	if err != nil {
		return nil, err
	}
	e := postgresEngine(r, c.logger())
	e.conf = r.configurePostgres
	e.argv = func() *exec.Cmd {
		return exec.Command(filepath.Join(bin, "postgres"), "-D", r.path("data"),
			"-c", "config_file="+r.path("postgresql.conf"), "-c", "hba_file="+r.path("pg_hba.conf"))
	}
	e.ready = func(ctx context.Context, port int) error {
		return r.verifyCluster(ctx, ownerURL(password, port, "postgres"))
	}
	if err := r.removeStalePidFile(e.mark); err != nil {
		return nil, err
	}
	p, port, adopted, err := e.startOrAdopt(ctx)
	if err != nil {
		return nil, err
	}
	u := ownerURL(password, port, owner)
	pg := &Postgres{instance{engine: e, proc: p, url: u, port: port, adopted: adopted, ping: pingPostgres(u)}}
	if err := bootstrap(ctx, ownerURL(password, port, "postgres")); err != nil {
		if !adopted {
			err = errors.Join(err, e.halt(ctx, p))
		}
		return nil, fmt.Errorf("start postgres in %s: %w", r.dir, err)
	}
	return pg, nil
}

// postgresEngine knows enough of a Postgres to find and stop it.
func postgresEngine(r dataDir, log *slog.Logger) *engine {
	return &engine{
		dataDir: r, name: "postgres", log: log,
		mark: r.path("data"), // the value of -D
		pid:  r.postmaster,
		// Backends of a killed postmaster end by themselves, a little later.
		busy: "shared memory block",
		// INT is "fast". QUIT is "immediate": no checkpoint, the next start
		// recovers from the log. TERM would wait for every client to leave.
		stopSequence: []stopStep{{syscall.SIGINT, 30 * time.Second}, {syscall.SIGQUIT, 5 * time.Second}, {syscall.SIGKILL, 5 * time.Second}},
	}
}

func externalPostgres(ctx context.Context, c Config) (*Postgres, error) {
	u, err := url.Parse(c.External)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("the URL of Postgres must begin with postgres://") // it may hold a password: not shown
	}
	ping := pingPostgres(c.External)
	if err := ping(ctx); err != nil {
		return nil, fmt.Errorf("reach the given Postgres: %w", err)
	}
	c.logger().Info("using a given service", "service", "postgres", "host", u.Host)
	return &Postgres{instance{url: c.External, ping: ping}}, nil
}

// ownerURL asks for SCRAM by name: it proves the server to us as well, since
// only the server that knows the password can complete it.
func ownerURL(password string, port int, database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", owner, password, port, database)
}

func dial(ctx context.Context, url string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the URL of Postgres cannot be read") // pgx's error would quote it
	}
	if strings.Contains(url, "@127.0.0.1:") && c.User == owner {
		c.RequireAuth = "scram-sha-256"
	}
	return pgx.ConnectConfig(ctx, c)
}

func pingPostgres(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := dial(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		return conn.Ping(ctx)
	}
}

// verifyCluster succeeds when this very cluster answers at the URL.
func (r dataDir) verifyCluster(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := dial(ctx, url)
	if err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && strings.HasPrefix(pg.Code, "28") { // invalid authorization
			return fmt.Errorf("%w: %s", ErrRefused, pg.Message)
		}
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var data string
	if err := conn.QueryRow(ctx, "show data_directory").Scan(&data); err != nil {
		return fmt.Errorf("ask for the data directory: %w", err)
	}
	if data != r.path("data") {
		return fmt.Errorf("%w: the server at our port keeps its data in %s", ErrRefused, data)
	}
	return nil
}

// postmaster is the pid in Postgres' own pid file, 0 when there is none.
func (r dataDir) postmaster() int {
	b, err := os.ReadFile(r.path("data/postmaster.pid"))
	if err != nil {
		return 0
	}
	return pidIn(b)
}
