package pg_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/runtime/services/servicestest"
)

func open(t *testing.T, url string) *pg.DB {
	t.Helper()
	d := pg.Open(func() (string, error) { return url, nil })
	t.Cleanup(d.Close)
	return d
}

func code(t *testing.T, err error) string {
	t.Helper()
	var f *fault.Error
	if !errors.As(pg.Fault(err), &f) {
		t.Fatalf("%v is not a fault", err)
	}
	return f.Code
}

// One pool serves everybody, and holds five connections at most.
//
// Seed: R20, R10
func TestPool_FiveConnectionsAtMost(t *testing.T) {
	d := open(t, servicestest.Postgres(t))
	var most atomic.Int64
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			var n int64
			if err := d.QueryRow(t.Context(), "select count(*) from pg_stat_activity, pg_sleep(0.01) where datname = current_database()").Scan(&n); err != nil {
				t.Error(err)
			}
			for {
				old := most.Load()
				if n <= old || most.CompareAndSwap(old, n) {
					return
				}
			}
		})
	}
	all.Wait()
	if n := most.Load(); n < 1 || n > pg.DefaultMaxConns {
		t.Errorf("%d connections at once, want at most %d", n, pg.DefaultMaxConns)
	}
}

// A secret that comes late, or a server that does, breaks nothing for ever.
func TestOpen_DialsNothingAndForgetsFailures(t *testing.T) {
	url, err := "", errors.New("no such file")
	d := pg.Open(func() (string, error) { return url, err })
	defer d.Close()
	ask := func() error { _, e := d.Exec(t.Context(), "select 1"); return e }
	if got := code(t, ask()); got != "no_database_login" {
		t.Errorf("without a secret: %s", got)
	}
	url, err = "postgres://u:sesame@[bad", nil
	if e := ask(); code(t, e) != "bad_database_login" || strings.Contains(e.Error(), "sesame") {
		t.Errorf("with a bad secret: %v", e)
	}
	url = "postgres://u:p@127.0.0.1:1/x"
	if got := code(t, ask()); got != "database_unavailable" {
		t.Errorf("with nobody there: %s", got)
	}
	url = servicestest.Postgres(t)
	if e := ask(); e != nil {
		t.Errorf("with a server: %v", e)
	}
}

func TestConnect_ReadsThePasswordEachTime(t *testing.T) {
	owner := servicestest.Cluster(t)
	admin, err := pgx.Connect(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	set := func(verb, password string) string {
		if _, err := admin.Exec(t.Context(), verb+" role fn_test login password '"+password+"'"); err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(owner)
		u.User = url.UserPassword("fn_test", password)
		return u.String()
	}
	login := set("create", "one")
	d := pg.Open(func() (string, error) { return login, nil })
	defer d.Close()
	for _, password := range []string{"two", "three"} {
		if _, err := d.Exec(t.Context(), "select 1"); err != nil {
			t.Fatal(err)
		}
		login = set("alter", password)
		if _, err := admin.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'fn_test'"); err != nil {
			t.Fatal(err)
		}
		for range 10 { // a connection that was ended may be found by its user
			if _, err = d.Exec(t.Context(), "select 1"); err == nil {
				break
			}
		}
		if err != nil {
			t.Errorf("after the password became %s: %v", password, err)
		}
	}
}

func TestFault_SaysWhatACallerCanDo(t *testing.T) {
	d := open(t, servicestest.Postgres(t))
	ctx := t.Context()
	if _, err := d.Exec(ctx, "create table a (id int primary key, name varchar(3) check (name <> 'no')); insert into a values (1, 'x')"); err != nil {
		t.Fatal(err)
	}
	run := func(sql string, args ...any) error { _, err := d.Exec(ctx, sql, args...); return err }
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, stopped := d.Exec(ended, "select pg_sleep(5)")
	_, none := pg.One[struct{ ID int }](ctx, d, "select id from a where id = 9")
	for want, err := range map[string]error{
		"conflict":             run("insert into a values (1, 'y')"),
		"bad_value":            run("insert into a values (2, $1)", "a\x00"),
		"not_found":            none,
		"database_timeout":     stopped,
		"database_unavailable": run("select pg_terminate_backend(pg_backend_pid())"),
	} {
		if got := code(t, err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
	if err := run("insert into a values (1, 'y')"); !pg.Violates(err, "a_pkey") || pg.Violates(err, "other") {
		t.Errorf("the primary key is not told apart: %v", err)
	}
	if got := code(t, run("insert into a values (3, 'no')")); got != "bad_value" {
		t.Errorf("a check is %s", got)
	}
	if err := pg.Fault(run("selec 1")); fault.Of(err).Kind != fault.Internal {
		t.Errorf("bad SQL is %v", err)
	}
	if err := pg.Fault(nil); err != nil {
		t.Error(err)
	}
}

// Of two transactions that lock each other out one is run again, and both end well.
func TestDo_RunsAgainAfterADeadlock(t *testing.T) {
	d := open(t, servicestest.Postgres(t))
	ctx := t.Context()
	if _, err := d.Exec(ctx, "create table a (id int primary key, n int); insert into a values (1, 0), (2, 0)"); err != nil {
		t.Fatal(err)
	}
	var met sync.WaitGroup
	met.Add(2)
	var all sync.WaitGroup
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		all.Go(func() {
			var once sync.Once
			if err := d.Do(ctx, func(tx pg.Tx) error {
				if _, err := tx.Exec(ctx, "update a set n = n + 1 where id = $1", order[0]); err != nil {
					return err
				}
				once.Do(func() { met.Done(); met.Wait() })
				_, err := tx.Exec(ctx, "update a set n = n + 1 where id = $1", order[1])
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	rows, err := pg.All[struct{ N int }](ctx, d, "select n from a order by id")
	if err != nil || len(rows) != 2 || rows[0].N != 2 || rows[1].N != 2 {
		t.Errorf("%v, %v: want 2 and 2", rows, err)
	}
}

// Where the role may have fewer connections than the pool wants, calls wait for
// those that are there instead of failing.
func TestDB_WaitsWhileTheRoleHasAsManyAsItMay(t *testing.T) {
	owner := servicestest.Cluster(t)
	admin, err := pgx.Connect(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	if _, err := admin.Exec(t.Context(), "create role fn_test login password 'p' connection limit 3"); err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(owner)
	u.User = url.UserPassword("fn_test", "p")
	var all sync.WaitGroup
	d := open(t, u.String())
	for i := range 30 {
		all.Go(func() {
			var n int
			var err error
			switch i % 3 {
			case 0:
				err = d.QueryRow(t.Context(), "select 1 from pg_sleep(0.01)").Scan(&n)
			case 1:
				_, err = d.Exec(t.Context(), "select pg_sleep(0.01)")
			default:
				err = d.Do(t.Context(), func(tx pg.Tx) error { return tx.QueryRow(t.Context(), "select 1").Scan(&n) })
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
