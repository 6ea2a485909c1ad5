package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnstore/kit/fault"
	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

// login connects as a function, or says why not.
func login(t *testing.T, owner, function, password string) (*pgx.Conn, error) {
	t.Helper()
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(migrate.RoleName(function), password)
	conn, err := pgx.Connect(t.Context(), u.String())
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	}
	return conn, err
}

func loginMust(t *testing.T, owner, function, password string) *pgx.Conn {
	t.Helper()
	conn, err := login(t, owner, function, password)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// allowed runs a statement that may fail for want of rights, and for no other reason.
func allowed(t *testing.T, c *pgx.Conn, sql string) bool {
	t.Helper()
	_, err := c.Exec(t.Context(), sql)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code != "42501" { // insufficient_privilege
		t.Fatalf("%s: %v", sql, err)
	}
	return err == nil
}

func provide(t *testing.T, owner string, f migrate.Function) {
	t.Helper()
	if err := migrate.Provide(t.Context(), owner, f); err != nil {
		t.Fatal(err)
	}
}

func code(err error) string { return fault.Of(err).Code }

// A role may do what its grants say and nothing else; what an earlier version
// granted is taken away.
func TestProvide_GrantsAndNoMore(t *testing.T) {
	owner := servicestest.Cluster(t)
	if err := migrate.ClosePublic(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	must(t, dial(t, owner), "create schema migration", "create schema app", "create table app.other (n int)", "create table public.open (n int)")
	events := migrate.Function{Name: "user-events", Password: "p'w",
		Migrations: fstest.MapFS{"00001_t.sql": file("-- +goose Up\ncreate table mine (n int, m int); create table secret (n int);")},
		Grants:     `grant select, insert on mine to :role; grant update (m) on mine to :role;`}
	for range 2 { // the second time changes nothing
		provide(t, owner, events)
		provide(t, owner, migrate.Function{Name: "bare", Password: "secret"})
	}
	if _, err := login(t, owner, "user-events", "wrong"); err == nil {
		t.Error("a wrong password was taken")
	}
	a, b := loginMust(t, owner, "user-events", "p'w"), loginMust(t, owner, "bare", "secret")
	for sql, want := range map[string][2]bool{
		"select * from fn_user_events.mine":             {true, false},
		"insert into fn_user_events.mine values (1)":    {true, false},
		"update fn_user_events.mine set m = 2":          {true, false},
		"update fn_user_events.mine set n = 2":          {false, false},
		"delete from fn_user_events.mine":               {false, false},
		"truncate fn_user_events.mine":                  {false, false},
		"select * from fn_user_events.secret":           {false, false},
		"alter table fn_user_events.mine add x int":     {false, false},
		"drop table fn_user_events.mine":                {false, false},
		"select * from app.other":                       {false, false},
		"select * from public.open":                     {false, false},
		"create table public.x (n int)":                 {false, false},
		"create table fn_user_events.x (n int)":         {false, false},
		"create schema x":                               {false, false},
		"create temporary table x (n int)":              {false, false},
		"create role x":                                 {false, false},
		"set role fn_user_events_owner":                 {false, false},
		"select * from fn_user_events.schema_migration": {false, false},
		"select pg_read_file('/etc/passwd')":            {false, false},
		"copy (select 1) to program 'true'":             {false, false},
	} {
		if x, y := allowed(t, a, sql), allowed(t, b, sql); x != want[0] || y != want[1] {
			t.Errorf("%s: %v and %v, want %v", sql, x, y, want)
		}
	}
	events.Grants = ""
	provide(t, owner, events)
	if allowed(t, a, "select * from mine") || allowed(t, a, "update mine set m = 3") {
		t.Error("a grant that was taken out of the file still holds")
	}
}

// Every kind of grant is revoked by name, and nothing is dropped: what the role
// made itself survives any number of starts and a removal.
func TestProvide_DropsNothing(t *testing.T) {
	owner := servicestest.Cluster(t)
	admin := dial(t, owner)
	f := migrate.Function{Name: "maker", Password: "p", Grants: `
grant create on schema fn_maker to :role;
create table if not exists lent (n int); create sequence if not exists ticket;
create or replace function answer() returns int language sql as 'select 42';
grant select on lent to :role; grant select (n) on lent to :role; grant usage on sequence ticket to :role;
grant execute on function answer() to :role;
alter default privileges grant select on tables to :role;
alter default privileges in schema fn_maker grant execute on routines to :role;`}
	provide(t, owner, f)
	must(t, loginMust(t, owner, "maker", "p"), "create table own (n int)", "insert into own values (7)")
	// Grants of the store's owner, as version 0.1 made them.
	must(t, admin, "create schema old", "create table old.t (n int)", "create sequence old.s", "create role crowd",
		"grant usage on schema old to fn_maker", "grant select, insert on old.t to fn_maker", "grant select (n) on old.t to fn_maker",
		"grant usage on sequence old.s to fn_maker", "grant crowd to fn_maker", "grant execute on function pg_read_file(text) to fn_maker",
		"alter default privileges in schema old grant select on tables to fn_maker")
	for range 3 {
		provide(t, owner, f)
	}
	maker := loginMust(t, owner, "maker", "p")
	for sql, want := range map[string]bool{
		"select * from old.t": false, "select nextval('old.s')": false, "set role crowd": false, "select pg_read_file('PG_VERSION')": false,
		"select * from lent": true, "select nextval('ticket')": true, "select answer()": true, "select * from own": true,
	} {
		if got := allowed(t, maker, sql); got != want {
			t.Errorf("%s: %v", sql, got)
		}
	}
	var defaults int
	if err := admin.QueryRow(t.Context(), "select count(*) from pg_default_acl d, aclexplode(d.defaclacl) e where e.grantee = 'fn_maker'::regrole and d.defaclrole = current_user::regrole").Scan(&defaults); err != nil || defaults != 0 {
		t.Errorf("%d default privileges of the owner left, %v", defaults, err)
	}

	if err := migrate.Withdraw(t.Context(), owner, "maker"); err != nil {
		t.Fatal(err)
	}
	if _, err := login(t, owner, "maker", "p"); err == nil {
		t.Error("a login that was withdrawn still works")
	}
	if _, err := maker.Exec(t.Context(), "select 1"); err == nil {
		t.Error("a session of a login that was withdrawn goes on")
	}
	var rights int
	if err := admin.QueryRow(t.Context(), `select count(*) from pg_class c, aclexplode(relacl) e where e.grantee = 'fn_maker'::regrole and relowner <> e.grantee`).Scan(&rights); err != nil || rights != 0 {
		t.Errorf("%d grants of tables left, %v", rights, err)
	}
	var n int
	if err := admin.QueryRow(t.Context(), "select n from fn_maker.own").Scan(&n); err != nil || n != 7 {
		t.Errorf("what the role made: %d, %v", n, err)
	}
	provide(t, owner, f)
	if !allowed(t, loginMust(t, owner, "maker", "p"), "insert into own values (8)") {
		t.Error("a function that came back cannot use its own table")
	}
	if err := migrate.Withdraw(t.Context(), owner, "never-there"); err != nil {
		t.Errorf("withdraw what is not there: %v", err)
	}
}

// The function's SQL runs as the owner of the function's schema, who can do
// nothing to the store or to another function.
func TestProvide_FunctionSQLStaysInItsSchema(t *testing.T) {
	owner := servicestest.Cluster(t)
	if err := migrate.ClosePublic(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	must(t, dial(t, owner), "create schema queue", "create table queue.message (n int)")
	provide(t, owner, migrate.Function{Name: "victim", Password: "p", Migrations: fstest.MapFS{"00001_t.sql": file("-- +goose Up\ncreate table money (n int);")}})
	for i, sql := range []string{
		"grant select on queue.message to :role", "insert into queue.message values (1)", "grant usage on schema queue to :role",
		"select * from fn_victim.money", "drop schema fn_victim cascade", "reset role; drop table queue.message", "set role fnstore; select 1",
		"set session authorization fnstore", "create role evil superuser", "grant pg_read_server_files to :role", "alter role :role superuser",
		"copy (select 1) to program 'true'", "create schema elsewhere", "alter system set port = 1", "create extension plpython3u",
	} {
		err := migrate.Provide(t.Context(), owner, migrate.Function{Name: "evil", Password: "p", Grants: sql})
		if code(err) != "bad_grants" {
			t.Errorf("grants %q: %v", sql, err)
		}
		m := fstest.MapFS{"00001_t.sql": file("-- +goose Up\n" + strings.ReplaceAll(sql, ":role", "fn_evil") + ";")}
		err = migrate.Provide(t.Context(), owner, migrate.Function{Name: fmt.Sprint("evil-", i), Password: "p", Migrations: m})
		if code(err) != "bad_migration" {
			t.Errorf("migration %q: %v", sql, err)
		}
	}
	var logins int
	if err := dial(t, owner).QueryRow(t.Context(), `select count(*) from pg_roles where rolname like 'fn\_%\_owner' and rolcanlogin`).Scan(&logins); err != nil || logins != 0 {
		t.Errorf("%d owners of schemas can log in, %v", logins, err)
	}
}

// A function lends what it owns to another one, whichever comes first, and
// takes it back.
func TestProvide_LendsToAnotherFunction(t *testing.T) {
	owner := servicestest.Cluster(t)
	auth := migrate.Function{Name: "auth", Password: "a",
		Migrations: fstest.MapFS{"00001_t.sql": file("-- +goose Up\ncreate table api_key (n int);")},
		Grants:     "grant usage on schema fn_auth to :role(users); grant select on api_key to :role(users), :role;"}
	users := migrate.Function{Name: "users", Password: "u"}
	provide(t, owner, auth)
	provide(t, owner, users)
	provide(t, owner, users)
	conn := loginMust(t, owner, "users", "u")
	if !allowed(t, conn, "select * from fn_auth.api_key") || allowed(t, conn, "delete from fn_auth.api_key") {
		t.Error("what was lent cannot be read, or more than that")
	}
	auth.Grants = ""
	provide(t, owner, auth)
	if allowed(t, conn, "select * from fn_auth.api_key") {
		t.Error("what was taken back can still be read")
	}
}

// Version 0.1 ran a function's migrations as the store's owner, in schemas of
// any name. Such a function goes on so.
func TestProvide_FunctionOfVersion01(t *testing.T) {
	owner := servicestest.Cluster(t)
	files := fstest.MapFS{"00001_t.sql": file("-- +goose Up\ncreate schema app; create table app.kept (n int); insert into app.kept values (5);")}
	if _, err := migrate.Apply(t.Context(), owner, []migrate.Source{{Name: "fn_old", FS: files}}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if i == 1 { // when it has grants
			files["00002_more.sql"] = file("-- +goose Up\nalter table app.kept add m int;")
		}
		provide(t, owner, migrate.Function{Name: "old", Password: "p", Migrations: files,
			Grants: "grant usage on schema app to :role; grant select on app.kept to :role;"})
	}
	if !allowed(t, loginMust(t, owner, "old", "p"), "select n, m from app.kept") {
		t.Error("it cannot read its table")
	}
}

// A database of the user's own: PUBLIC keeps what it has, the owner need not be
// a superuser, and one who lacks a right is told which.
func TestProvide_InSomebodyElsesDatabase(t *testing.T) {
	cluster := servicestest.Cluster(t)
	admin := dial(t, cluster)
	must(t, admin, "create role tenant login createrole password 'x'", "create database theirs owner tenant", "create role guest login password 'g'",
		"create role weak login password 'x'")
	u, err := url.Parse(cluster)
	if err != nil {
		t.Fatal(err)
	}
	as := func(user, password string) string {
		v := *u
		v.Path, v.User = "/theirs", url.UserPassword(user, password)
		return v.String()
	}
	super := *u
	super.Path = "/theirs"
	must(t, dial(t, super.String()), "grant usage, create on schema public to public")
	f := migrate.Function{Name: "app", Password: "p", Migrations: fstest.MapFS{"00001_t.sql": file("-- +goose Up\ncreate table t (n int);")},
		Grants: "grant select on t to :role"}
	for range 2 {
		if _, err := migrate.Apply(t.Context(), as("tenant", "x"), nil); err != nil {
			t.Fatal(err)
		}
		provide(t, as("tenant", "x"), f)
	}
	guest := dial(t, as("guest", "g"))
	if !allowed(t, guest, "create table public.theirs (n int)") || !allowed(t, guest, "create temporary table x (n int)") {
		t.Error("PUBLIC lost what it had")
	}
	if allowed(t, guest, "select * from fn_app.t") {
		t.Error("a guest reads a function's table")
	}
	if !allowed(t, loginMust(t, as("", ""), "app", "p"), "select * from t") {
		t.Error("the function cannot read its table")
	}
	if err := migrate.Withdraw(t.Context(), as("tenant", "x"), "app"); err != nil {
		t.Error(err)
	}
	if _, err := login(t, as("", ""), "app", "p"); err == nil {
		t.Error("a login that was withdrawn still works")
	}

	if _, err := migrate.Apply(t.Context(), as("weak", "x"), nil); code(err) != "database_rights" || !strings.Contains(err.Error(), "grant create on database") {
		t.Errorf("an owner who may make no schema: %v", err)
	}
	if err := migrate.Provide(t.Context(), as("weak", "x"), f); code(err) != "database_rights" || !strings.Contains(err.Error(), "createrole") {
		t.Errorf("an owner who may make no role: %v", err)
	}
	// Roles belong to the whole server: two stores in it do not share one.
	if err := migrate.Provide(t.Context(), cluster, f); code(err) != "role_not_ours" {
		t.Errorf("another store's role: %v", err)
	}
	must(t, admin, "create role fn_big superuser")
	if err := migrate.Provide(t.Context(), cluster, migrate.Function{Name: "big", Password: "p"}); code(err) != "role_not_ours" {
		t.Errorf("a superuser's name: %v", err)
	}
}

func TestRoleName_FitsAnIdentifier(t *testing.T) {
	long := strings.Repeat("a", 62)
	if a, b := migrate.RoleName(long+"b"), migrate.RoleName(long+"c"); a == b || len(a) > 57 {
		t.Errorf("%s and %s", a, b)
	}
	if got := migrate.RoleName("user-events"); got != "fn_user_events" {
		t.Error(got)
	}
}
