package migrate_test

import (
	"errors"
	"net/url"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

func file(sql string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(sql)} }

// connect logs in with another role's password.
func connect(t *testing.T, owner, function, password string) (*pgx.Conn, error) {
	t.Helper()
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(migrate.RoleName(function), password)
	conn, err := pgx.Connect(t.Context(), u.String())
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
	}
	return conn, err
}

func TestMigrationsRunOnceWhoeverStartsThem(t *testing.T) {
	owner := servicestest.Cluster(t)
	sources := []migrate.Source{
		{Name: "one", FS: fstest.MapFS{"00001_a.sql": file("-- +goose Up\ncreate table a (n int); insert into a values (1);")}},
		{Name: "two", FS: fstest.MapFS{"00001_b.sql": file("-- +goose Up\ncreate table b (n int);")}},
		{Name: "none", FS: fstest.MapFS{}},
	}
	var all sync.WaitGroup
	ran := make([]int, 4)
	for i := range ran {
		all.Go(func() {
			var err error
			if ran[i], err = migrate.Apply(t.Context(), owner, sources); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if sum := ran[0] + ran[1] + ran[2] + ran[3]; sum != 2 {
		t.Errorf("ran %v", ran)
	}
	sources[0].FS = fstest.MapFS{
		"00001_a.sql": sources[0].FS.(fstest.MapFS)["00001_a.sql"],
		"00002_c.sql": file("-- +goose Up\nalter table a add m int; select broken;"),
	}
	if _, err := migrate.Apply(t.Context(), owner, sources); err == nil {
		t.Error("a broken migration was accepted")
	}
	conn, err := pgx.Connect(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "select m from a"); err == nil {
		t.Error("half of a broken migration stands")
	}
}

// A role may do what its grants say and nothing else; what an earlier version
// granted is taken away.
func TestARoleHasItsGrantsAndNoMore(t *testing.T) {
	owner := servicestest.Cluster(t)
	tables := fstest.MapFS{"00001_t.sql": file(`-- +goose Up
create schema app; create table app.mine (n int); create table app.other (n int); create table public.open (n int);`)}
	if _, err := migrate.Apply(t.Context(), owner, []migrate.Source{{Name: "app", FS: tables}}); err != nil {
		t.Fatal(err)
	}
	grant := `grant usage on schema app to :role; grant select, insert on app.mine to :role;`
	roles := []migrate.Role{{"user-events", "p'w", grant}, {"bare", "secret", ""}}
	for range 2 { // the second time changes nothing
		if err := migrate.Roles(t.Context(), owner, roles); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := connect(t, owner, "user-events", "wrong"); err == nil {
		t.Error("a wrong password was taken")
	}
	events, err := connect(t, owner, "user-events", "p'w")
	if err != nil {
		t.Fatal(err)
	}
	bare, err := connect(t, owner, "bare", "secret")
	if err != nil {
		t.Fatal(err)
	}
	allowed := func(c *pgx.Conn, sql string) bool {
		_, err := c.Exec(t.Context(), sql)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code != "42501" { // insufficient_privilege
			t.Fatalf("%s: %v", sql, err)
		}
		return err == nil
	}
	for sql, want := range map[string][2]bool{
		"select * from app.mine":             {true, false},
		"insert into app.mine values (1)":    {true, false},
		"update app.mine set n = 2":          {false, false},
		"delete from app.mine":               {false, false},
		"truncate app.mine":                  {false, false},
		"select * from app.other":            {false, false},
		"select * from public.open":          {false, false},
		"create table public.x (n int)":      {false, false},
		"create table app.x (n int)":         {false, false},
		"create schema x":                    {false, false},
		"create temporary table x (n int)":   {false, false},
		"create role x":                      {false, false},
		"select * from migration.app":        {false, false},
		"select pg_read_file('/etc/passwd')": {false, false},
		"copy (select 1) to program 'true'":  {false, false},
	} {
		if a, b := allowed(events, sql), allowed(bare, sql); a != want[0] || b != want[1] {
			t.Errorf("%s: %v and %v, want %v", sql, a, b, want)
		}
	}
	roles[0].Grants = ""
	if err := migrate.Roles(t.Context(), owner, roles); err != nil {
		t.Fatal(err)
	}
	if allowed(events, "select * from app.mine") {
		t.Error("a grant that was taken out of the file still holds")
	}
}
