// Package servicestest gives tests real, empty, private instances of Postgres
// and Redis. They end with the test process, however it ends. It does not know
// what is tested.
package servicestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"fnstore/runtime/services"

	"github.com/jackc/pgx/v5"
)

var shared struct {
	sync.Mutex
	pg  *services.Postgres
	err error
	n   int
}

// Postgres returns the owner's URL of a fresh, empty database. All of a test
// process' databases live in one server, so roles are shared between them; a test
// that makes roles of fixed names wants Cluster. The database goes with the test.
func Postgres(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.pg == nil && shared.err == nil {
		shared.pg, shared.err = startPostgres()
	}
	if shared.err != nil {
		absent(t, shared.err)
	}
	shared.n++
	name := fmt.Sprintf("test_%d", shared.n)
	if err := run(shared.pg.URL(), "create database "+name); err != nil {
		t.Fatalf("make a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := run(shared.pg.URL(), "drop database "+name+" with (force)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	u, err := url.Parse(shared.pg.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// Cluster returns the owner's URL of a Postgres server of the test's own, about a
// second to make. It is stopped when the test ends.
func Cluster(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	pg, err := startPostgres()
	if err != nil {
		absent(t, err)
	}
	t.Cleanup(func() { stop(t, pg) })
	return pg.URL()
}

// Redis returns the owner's URL of a Redis server of the test's own: its users
// are global to a server, so none is shared. It is stopped when the test ends.
func Redis(t testing.TB) string {
	t.Helper()
	dir, err := directory()
	if err != nil {
		t.Fatal(err)
	}
	rd, err := services.StartRedis(context.Background(), services.Config{Dir: filepath.Join(dir, "rd")})
	if err != nil {
		absent(t, err)
	}
	t.Cleanup(func() { stop(t, rd) })
	shared.Lock()
	defer shared.Unlock()
	if err := guard(rd.PID(), dir); err != nil {
		t.Fatal(err)
	}
	return rd.URL()
}

func startPostgres() (*services.Postgres, error) {
	dir, err := directory()
	if err != nil {
		return nil, err
	}
	pg, err := services.StartPostgres(context.Background(), services.Config{Dir: filepath.Join(dir, "pg")})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := guard(pg.PID(), dir); err != nil {
		return nil, errors.Join(err, pg.Stop(context.Background()))
	}
	return pg, nil
}

// directory makes a folder under a short path that every user may enter.
func directory() (string, error) {
	dir, err := os.MkdirTemp("/tmp", "fnst-")
	if err != nil {
		return "", fmt.Errorf("make a folder for a service: %w", err)
	}
	return dir, os.Chmod(dir, 0o711)
}

// absent skips the test when the machine lacks the service; under CI=true nothing
// may be skipped. Any other error fails the test.
func absent(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, services.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skipf("%v; `sh scripts/deps.sh test` installs it", err)
	}
	t.Fatal(err)
}

func run(url, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

func stop(t testing.TB, s interface{ Stop(context.Context) error }) {
	if err := s.Stop(context.Background()); err != nil {
		t.Errorf("stop the test's service: %v", err)
	}
}
