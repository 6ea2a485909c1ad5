package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/fault"
)

// longestName is how much of a function's name its role has: with fn_ and
// _owner it stays below the 63 bytes of a Postgres identifier.
const longestName = 50

// RoleName is the function's role, and its schema: fn_ and the function's name
// with underscores. Of a long name the end becomes a hash.
func RoleName(function string) string {
	name := strings.ReplaceAll(function, "-", "_")
	if len(name) > longestName {
		sum := sha256.Sum256([]byte(function))
		name = name[:longestName-9] + "_" + hex.EncodeToString(sum[:4])
	}
	return "fn_" + name
}

// ownerName is the role that owns the function's schema. It can log in only
// while the function's own SQL runs.
func ownerName(function string) string { return RoleName(function) + "_owner" }

// roleWord finds the words of grants.sql that stand for a role: the function's
// own, or another function's. Two colons are a cast.
var roleWord = regexp.MustCompile(`(^|[^:])(?::role\(([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\)|:role\b)`)

// expandRoles writes the names of roles into a grants.sql.
func expandRoles(grants, function string) string {
	return roleWord.ReplaceAllStringFunc(grants, func(word string) string {
		m := roleWord.FindStringSubmatch(word)
		if m[2] != "" {
			return m[1] + pgx.Identifier{RoleName(m[2])}.Sanitize()
		}
		return m[1] + pgx.Identifier{RoleName(function)}.Sanitize()
	})
}

// named lists the other functions that a grants.sql speaks of.
func named(grants string) (functions []string) {
	for _, m := range roleWord.FindAllStringSubmatch(grants, -1) {
		if m[2] != "" {
			functions = append(functions, m[2])
		}
	}
	return functions
}

// checkRights refuses an owner that cannot make roles, in words that say what to do.
func checkRights(ctx context.Context, conn *pgx.Conn) error {
	var user string
	var ok bool
	err := conn.QueryRow(ctx, `select rolname, rolsuper or rolcreaterole from pg_roles where rolname = current_user`).Scan(&user, &ok)
	if err == nil && !ok {
		return fault.New(fault.Unprocessable, "database_rights",
			"the database's user %s may not make a role for a function: alter role %s createrole", user, pgx.Identifier{user}.Sanitize())
	}
	return err
}

// ensureRole makes the role if it is missing. One that may do more than a
// function's role is not ours, and neither is one of another database.
func ensureRole(ctx context.Context, tx pgx.Tx, name string) error {
	ident := pgx.Identifier{name}.Sanitize()
	var exists, privileged bool
	var database string
	var mark *string
	err := tx.QueryRow(ctx, `
select current_database(), r.oid is not null,
       coalesce(r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls, false),
       shobj_description(r.oid, 'pg_authid')
from (select $1::name as name) wanted left join pg_roles r on r.rolname = wanted.name`, name).Scan(&database, &exists, &privileged, &mark)
	if err != nil {
		return err
	}
	ours := "fnstore, database " + database
	switch {
	case privileged:
		return fault.New(fault.Unprocessable, "role_not_ours", "the role %s exists and may do more than a function's role: rename it, or the function", name)
	case exists && mark != nil && *mark == ours:
		return nil
	case exists && mark != nil && strings.HasPrefix(*mark, "fnstore, "):
		return fault.New(fault.Conflict, "role_not_ours", "the role %s belongs to another store of this server (%s): rename the function", name, *mark)
	case !exists:
		if _, err := tx.Exec(ctx, `create role `+ident+` nologin`); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `comment on role `+ident+` is `+quote(ours))
	return err
}

// exec runs statements of ours, which take no parameters.
func exec(ctx context.Context, tx pgx.Tx, statements ...string) error {
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", firstWords(s), err)
		}
	}
	return nil
}

// firstWords are enough of a statement to find it by; the rest may hold a password.
func firstWords(s string) string {
	words := strings.Fields(s)
	return strings.Join(words[:min(3, len(words))], " ")
}

// quote makes a literal of s. Utility statements take no parameters; with
// standard_conforming_strings, which pgx insists on, only the quote is special.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
