package migrate

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnstore/kit/fault"
)

// Function is what one function has in the database.
type Function struct {
	Name       string
	Password   string // of its login
	Migrations fs.FS  // goose's SQL files; nil for none
	// Grants is SQL that says what the login may do; :role stands for the
	// function's role and :role(NAME) for another function's.
	Grants string
	// More, unless nil, grants what only the store's owner can, in the
	// transaction that sets the role.
	More func(ctx context.Context, tx pgx.Tx, role string) error
}

// Provide gives a function its schema and its login, both named by RoleName,
// applies its migrations, and makes its grants exactly those of its Grants: what
// an earlier version granted and this one does not is revoked. It never drops
// anything, the role's own tables included.
//
// The function's SQL runs neither as the store's owner nor as the function, but
// as a third role that owns the function's schema and nothing else. So a
// migration cannot read the queue or another function's tables, and a function
// cannot change its own tables' definitions unless its grants let it. That role
// can log in only while the SQL runs.
//
// A *fault.Error says what is wrong with the function's SQL (bad_migration,
// bad_grants) or with the owner's rights (database_rights, role_not_ours).
func Provide(ctx context.Context, ownerURL string, f Function) error {
	if err := provide(ctx, ownerURL, f); err != nil {
		return fmt.Errorf("database role of %s: %w", f.Name, err)
	}
	return nil
}

func provide(ctx context.Context, ownerURL string, f Function) (err error) {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	legacy, err := f.isLegacy(ctx, conn)
	if err != nil {
		return err
	}
	if legacy && f.Migrations != nil { // before the transaction below, which locks the same tables' entries in the catalog
		if _, err := Apply(ctx, ownerURL, []Source{{Name: RoleName(f.Name), FS: f.Migrations}}); err != nil {
			return badSQL("bad_migration", "migrations", err)
		}
	}
	if err := locked(ctx, conn, func(tx pgx.Tx) error {
		if err := prepare(ctx, tx, f); err != nil || !legacy {
			return err
		}
		if _, err := tx.Exec(ctx, expandRoles(f.Grants, f.Name)); err != nil {
			return badSQL("bad_grants", "grants.sql", err)
		}
		return nil
	}); err != nil || legacy {
		return err
	}
	password := temporary()
	if f.Migrations == nil && strings.TrimSpace(f.Grants) == "" && !f.hadSQL(ctx, conn) {
		return nil
	}
	owner := pgx.Identifier{ownerName(f.Name)}.Sanitize()
	defer func() { // whatever came of it: nobody logs in as the owner until the next time
		ctx := context.WithoutCancel(ctx)
		_, e := conn.Exec(ctx, `alter role `+owner+` nologin password null`)
		err = errors.Join(err, e)
	}()
	if _, err := conn.Exec(ctx, `alter role `+owner+` login password `+quote(password)); err != nil {
		return err
	}
	u, err := url.Parse(ownerURL)
	if err != nil {
		return errors.New("the database's URL cannot be read") // the error would quote it
	}
	u.User = url.UserPassword(ownerName(f.Name), password)
	return f.runSQL(ctx, u.String())
}

// locked runs one transaction at a time of all stores that use the database.
func locked(ctx context.Context, conn *pgx.Conn, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('migrate.roles', 0))`); err != nil {
			return err
		}
		return do(tx)
	})
}

// prepare makes the roles and the schema, and what the store itself grants.
func prepare(ctx context.Context, tx pgx.Tx, f Function) error {
	role, owner := RoleName(f.Name), ownerName(f.Name)
	names := []string{role, owner}
	for _, other := range named(f.Grants) {
		names = append(names, RoleName(other))
	}
	for _, name := range names {
		if err := ensureRole(ctx, tx, name); err != nil {
			return err
		}
	}
	if err := revoke(ctx, tx, fromStore, role); err != nil {
		return err
	}
	var database string
	var super bool
	if err := tx.QueryRow(ctx, `select current_database(), rolsuper from pg_roles where rolname = current_user`).Scan(&database, &super); err != nil {
		return err
	}
	r, o, db := pgx.Identifier{role}.Sanitize(), pgx.Identifier{owner}.Sanitize(), pgx.Identifier{database}.Sanitize()
	statements := []string{
		`alter role ` + r + ` login connection limit 10 password ` + quote(f.Password),
		`alter role ` + r + ` set search_path = ` + quote("$user"),
		`alter role ` + r + ` set statement_timeout = '30s'`,
		`alter role ` + r + ` set lock_timeout = '2s'`,
		`alter role ` + r + ` set idle_in_transaction_session_timeout = '10s'`,
		`alter role ` + o + ` set search_path = ` + r,
		`alter role ` + o + ` set lock_timeout = '10s'`, // a migration that waits blocks who comes behind it
		`grant connect on database ` + db + ` to ` + r + `, ` + o,
	}
	if !super { // only a member may make a schema for another role
		statements = append(statements, `grant `+o+` to current_user`)
	}
	statements = append(statements, `create schema if not exists `+r+` authorization `+o)
	if err := exec(ctx, tx, statements...); err != nil {
		return err
	}
	if f.More != nil {
		return f.More(ctx, tx, role)
	}
	return nil
}

// isLegacy reports whether version 0.1 of the store migrated the function: as
// the owner, and in schemas of any name. Its tables are the owner's, so its SQL
// goes on to run as the owner.
func (f Function) isLegacy(ctx context.Context, conn *pgx.Conn) (legacy bool, err error) {
	if err := checkRights(ctx, conn); err != nil {
		return false, err
	}
	err = conn.QueryRow(ctx, `select exists (select from pg_tables where schemaname = 'migration' and tablename = $1)`, RoleName(f.Name)).Scan(&legacy)
	return legacy, err
}

// versions is the table in the function's schema that counts its migrations.
func (f Function) versions() string { return RoleName(f.Name) + ".schema_migration" }

// hadSQL reports whether a version of the function that had SQL was here: then
// there may be grants to revoke.
func (f Function) hadSQL(ctx context.Context, conn *pgx.Conn) (ok bool) {
	err := conn.QueryRow(ctx, `select exists (select from pg_namespace where nspname = $1 and nspacl is not null)`, RoleName(f.Name)).Scan(&ok)
	return ok || err != nil
}

// runSQL applies the migrations and sets the grants, as the schema's owner.
func (f Function) runSQL(ctx context.Context, url string) error {
	if f.Migrations != nil {
		db, err := sql.Open("pgx", url)
		if err != nil {
			return err
		}
		_, err = apply(ctx, db, f.Migrations, f.versions())
		if err = errors.Join(err, db.Close()); err != nil {
			return badSQL("bad_migration", "migrations", err)
		}
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := revoke(ctx, tx, fromOwner, ownerName(f.Name)); err != nil {
			return err
		}
		role := pgx.Identifier{RoleName(f.Name)}.Sanitize()
		if err := exec(ctx, tx, `grant usage on schema `+role+` to `+role); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, expandRoles(f.Grants, f.Name)); err != nil {
			return badSQL("bad_grants", "grants.sql", err)
		}
		return nil
	})
}

// Withdraw disables the function's login, ends its sessions and revokes what it
// was granted. Its schema, tables and roles stay, for when it is deployed again.
func Withdraw(ctx context.Context, ownerURL, function string) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("withdraw the database role of %s: %w", function, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	role := RoleName(function)
	err = locked(ctx, conn, func(tx pgx.Tx) error {
		var exists bool
		if err := tx.QueryRow(ctx, `select exists (select from pg_roles where rolname = $1)`, role).Scan(&exists); err != nil || !exists {
			return err
		}
		if err := exec(ctx, tx, `alter role `+pgx.Identifier{role}.Sanitize()+` nologin password null`); err != nil {
			return err
		}
		if err := revoke(ctx, tx, fromStore, role); err != nil {
			return err
		}
		owner := ownerName(function)
		if err := tx.QueryRow(ctx, `select exists (select from pg_roles where rolname = $1)`, owner).Scan(&exists); err != nil || !exists {
			return err // version 0.1 made no owner
		}
		if err := exec(ctx, tx, `set local role `+pgx.Identifier{owner}.Sanitize()); err != nil {
			return err
		}
		return revoke(ctx, tx, fromOwner, owner)
	})
	if err == nil {
		_, err = conn.Exec(ctx, `select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and pg_has_role(usesysid, 'usage')`, role)
	}
	if err != nil {
		return fmt.Errorf("withdraw the database role of %s: %w", function, err)
	}
	return nil
}

// SetPassword gives the function's login another password. Sessions go on; one
// that begins with the old password is refused from then on.
func SetPassword(ctx context.Context, ownerURL, function, password string) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("set the password of %s: %w", function, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = locked(ctx, conn, func(tx pgx.Tx) error {
		return exec(ctx, tx, `alter role `+pgx.Identifier{RoleName(function)}.Sanitize()+` password `+quote(password))
	})
	if err != nil {
		return fmt.Errorf("set the password of %s: %w", function, err)
	}
	return nil
}

// badSQL makes Postgres' error one that whoever deployed the function reads.
// Any other error stays as it is.
func badSQL(code, what string, err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && !strings.HasPrefix(pg.Code, "08") && !strings.HasPrefix(pg.Code, "57") {
		return errors.Join(fault.New(fault.Unprocessable, code, "the function's %s cannot be applied: %s (SQLSTATE %s)", what, pg.Message, pg.Code), err)
	}
	return err
}

// temporary is a password that nobody keeps.
func temporary() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
