package migrate

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// grantsSQL lists what was granted in this database, and to whom, as the catalog
// has it: one row for each object and grantee, with what to write in a REVOKE.
// What an owner may do with its own objects is not among it. "drop owned by"
// would do the same in one statement, and drop the tables of the role as well.
// Grants of large objects, foreign servers and server parameters are not looked
// for: nothing here makes them.
const grantsSQL = `
with acl as (
    select 'table ' || c.oid::regclass as object, c.relowner as owner, c.relacl as acl
    from pg_class c where c.relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select 'sequence ' || c.oid::regclass, c.relowner, c.relacl from pg_class c where c.relkind = 'S'
    union all
    select 'routine ' || p.oid::regprocedure, p.proowner, p.proacl from pg_proc p
    union all
    select 'schema ' || n.oid::regnamespace, n.nspowner, n.nspacl from pg_namespace n
    union all
    select 'type ' || t.oid::regtype, t.typowner, t.typacl from pg_type t where t.typacl is not null
    union all
    select 'language ' || quote_ident(l.lanname), l.lanowner, l.lanacl from pg_language l
    union all
    select 'database ' || quote_ident(d.datname), d.datdba, d.datacl from pg_database d where d.datname = current_database()
), granted as (
    select 'revoke all on ' || object || ' from ' as statement, e.grantee, e.grantor, owner
    from acl, aclexplode(acl.acl) e
    union
    select 'revoke all (' || quote_ident(a.attname) || ') on table ' || c.oid::regclass || ' from ', e.grantee, e.grantor, c.relowner
    from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) e
    union
    select 'alter default privileges for role ' || d.defaclrole::regrole
           || coalesce(' in schema ' || nullif(d.defaclnamespace, 0)::regnamespace, '')
           || ' revoke all on ' || case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'routines' when 'T' then 'types' else 'schemas' end
           || ' from ', e.grantee, d.defaclrole, d.defaclrole
    from pg_default_acl d, aclexplode(d.defaclacl) e
    union
    select 'revoke ' || m.roleid::regrole || ' from ', m.member, m.grantor, m.roleid
    from pg_auth_members m
)
select g.statement || g.grantee::regrole || ' cascade'
from granted g join pg_roles giver on giver.oid = g.grantor
where g.grantee <> g.owner and g.grantee <> 0 and `

// Who gave what: the store to one function, and one function to all others.
const (
	fromStore = `g.grantee = $1::regrole and pg_has_role(g.grantor, 'usage') and giver.rolname !~ '^fn_.*_owner$'`
	fromOwner = `g.grantor = $1::regrole`
)

// revoke takes back each grant that the condition is true of. The condition
// speaks of role by the parameter $1.
func revoke(ctx context.Context, tx pgx.Tx, condition, role string) error {
	rows, err := tx.Query(ctx, grantsSQL+condition, pgx.Identifier{role}.Sanitize())
	if err != nil {
		return fmt.Errorf("list grants of %s: %w", role, err)
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list grants of %s: %w", role, err)
	}
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
