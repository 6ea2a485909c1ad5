// Package migrate brings the database to what this version of the store needs,
// and gives each function a role of its own that may do what its grants.sql
// says and nothing else. It does not know what the tables mean.
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql's driver "pgx", for goose
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// Source is one owner of tables: a package of kit or runtime, or a function.
// Its migrations are goose's SQL files; its versions are counted apart from
// everyone else's.
type Source struct {
	Name string // lower case letters, digits and underscores
	FS   fs.FS  // the folder that holds the files
}

// Apply runs what was not run yet, as the owner, one instance at a time: an
// advisory lock makes the others wait. It returns how many files it ran.
func Apply(ctx context.Context, ownerURL string, sources []Source) (ran int, err error) {
	db, err := sql.Open("pgx", ownerURL)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	// In one transaction: "if not exists" alone fails when two look at once.
	if _, err := db.ExecContext(ctx, `do $$ begin
    perform pg_advisory_xact_lock(hashtextextended('migrate.apply', 0));
    create schema if not exists migration;
end $$`); err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	for _, s := range sources {
		store, err := database.NewStore(database.DialectPostgres, "migration."+s.Name)
		if err != nil {
			return ran, fmt.Errorf("migrate %s: %w", s.Name, err)
		}
		p, err := goose.NewProvider("", db, s.FS, goose.WithStore(store), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
		if errors.Is(err, goose.ErrNoMigrations) {
			continue
		}
		if err != nil {
			return ran, fmt.Errorf("migrate %s: %w", s.Name, err)
		}
		results, err := p.Up(ctx)
		ran += len(results)
		if err != nil {
			return ran, fmt.Errorf("migrate %s: %w", s.Name, err)
		}
	}
	return ran, nil
}

// Role is a function's login.
type Role struct {
	Function string
	Password string
	Grants   string // SQL; :role stands for the role's name
}

// RoleName is the function's role: fn_ and its name, with underscores.
func RoleName(function string) string { return "fn_" + strings.ReplaceAll(function, "-", "_") }

// Roles makes each role be there with its password and exactly its grants: what
// an earlier version granted and this one does not is taken away. One
// transaction, so a function never runs with half of them.
func Roles(ctx context.Context, ownerURL string, roles []Role) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("make roles: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('migrate.roles', 0))`); err != nil {
			return fmt.Errorf("make roles: %w", err)
		}
		if err := closePublic(ctx, tx); err != nil {
			return fmt.Errorf("make roles: %w", err)
		}
		for _, r := range roles {
			if err := makeRole(ctx, tx, r); err != nil {
				return fmt.Errorf("make role of %s: %w", r.Function, err)
			}
		}
		return nil
	})
}

// closePublic takes from everyone what Postgres gives to everyone: a role has
// what it was granted by name.
func closePublic(ctx context.Context, tx pgx.Tx) error {
	var name string
	if err := tx.QueryRow(ctx, `select current_database()`).Scan(&name); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `revoke all on schema public from public; revoke all on database `+pgx.Identifier{name}.Sanitize()+` from public`)
	return err
}

func makeRole(ctx context.Context, tx pgx.Tx, r Role) error {
	name := RoleName(r.Function)
	ident := pgx.Identifier{name}.Sanitize()
	var database string
	var exists bool
	if err := tx.QueryRow(ctx, `select current_database(), exists (select from pg_roles where rolname = $1)`, name).Scan(&database, &exists); err != nil {
		return err
	}
	verb := "create"
	if exists {
		verb = "alter"
		// Drops the role's privileges in this database; it owns nothing.
		if _, err := tx.Exec(ctx, `drop owned by `+ident); err != nil {
			return err
		}
	}
	statements := []string{
		verb + ` role ` + ident + ` login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 10 password ` + quote(r.Password),
		`alter role ` + ident + ` set search_path = ` + quote("$user"),
		`alter role ` + ident + ` set statement_timeout = '30s'`,
		`alter role ` + ident + ` set lock_timeout = '2s'`,
		`alter role ` + ident + ` set idle_in_transaction_session_timeout = '10s'`,
		`grant connect on database ` + pgx.Identifier{database}.Sanitize() + ` to ` + ident,
		strings.ReplaceAll(r.Grants, ":role", ident),
	}
	for _, s := range statements {
		if strings.TrimSpace(s) == "" {
			continue
		}
		if _, err := tx.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// quote makes a literal of s. Utility statements take no parameters; with
// standard_conforming_strings, which pgx insists on, only the quote is special.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
